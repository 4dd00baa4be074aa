import { type Operation, operationSchema } from '@tacet/protocol';
import { type Context, printJson } from '../context.ts';
import { type ExitCode, exitCodes } from '../exit-codes.ts';
import { followOperation, requireSuccess } from '../follow-operation.ts';

export interface DrillOptions {
  readonly backup?: string;
}

export async function drill(
  vmid: number,
  { backup: backupId }: DrillOptions,
  context: Context,
): Promise<ExitCode> {
  const body = backupId === undefined ? {} : { backupId };
  const started = await context.api.post(operationSchema, `/guests/${vmid}/drills`, body, context.signal);
  return reportDrill(await followOperation(started, context), context);
}

/** Proven only by an agent that said so: a guest that merely ran is less. */
export function reportDrill(operation: Operation, context: Context): ExitCode {
  if (context.json) printJson(context, operation);
  const { vmid, steps } = requireSuccess(operation);
  const proven = steps.find(({ name }) => name === 'proven');
  const started = steps.find(({ name }) => name === 'started' && proven === undefined);
  if (!context.json) {
    const outcome =
      proven === undefined ? `Not proven: ${started?.message ?? ''}` : `Proven: ${proven.message}`;
    context.print(`\nBackup of guest ${vmid}. ${outcome}`);
  }
  return proven === undefined ? exitCodes.below : exitCodes.ok;
}
