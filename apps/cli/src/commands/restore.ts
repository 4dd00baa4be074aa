import { type Operation, operationSchema } from '@tacet/protocol';
import { type Context, printJson } from '../context.ts';
import { type ExitCode, exitCodes } from '../exit-codes.ts';
import { followOperation, requireSuccess } from '../follow-operation.ts';

export interface RestoreOptions {
  readonly to: number;
  readonly backup?: string;
  readonly storage?: string;
}

export async function restore(
  vmid: number,
  { backup: backupId, ...rest }: RestoreOptions,
  context: Context,
): Promise<ExitCode> {
  const { api, signal } = context;
  const body = { ...rest, ...(backupId !== undefined && { backupId }) };
  const started = await api.post(operationSchema, `/guests/${vmid}/restores`, body, signal);
  return reportRestore(await followOperation(started, context), context);
}

export function reportRestore(operation: Operation, context: Context): ExitCode {
  if (context.json) printJson(context, operation);
  const { vmid, restoredTo } = requireSuccess(operation);
  if (!context.json) context.print(`\nGuest ${restoredTo} is restored from guest ${vmid}, healed and ready.`);
  return exitCodes.ok;
}
