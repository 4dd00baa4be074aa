import type { Operation } from '@tacet/protocol';
import { type Context, printJson } from '../context.ts';
import { type ExitCode, exitCodes } from '../exit-codes.ts';
import { requireSuccess } from '../follow-operation.ts';

/** A hold and a thaw without a backup; its steps say how long writes waited. */
export function reportRehearsal(operation: Operation, context: Context): ExitCode {
  if (context.json) printJson(context, operation);
  const { vmid } = requireSuccess(operation);
  if (!context.json) context.print(`\nGuest ${vmid} was held and thawed. No backup was made.`);
  return exitCodes.ok;
}
