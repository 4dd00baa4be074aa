import { operationSchema, thawResultSchema } from '@tacet/protocol';
import { type Context, printJson } from '../context.ts';
import { type ExitCode, exitCodes } from '../exit-codes.ts';
import { followOperation, requireSuccess } from '../follow-operation.ts';
import { plural } from '../print/table.ts';
import { reportRehearsal } from './rehearsal.ts';

export async function rehearse(vmid: number, context: Context): Promise<ExitCode> {
  const { api, signal } = context;
  const started = await api.post(operationSchema, `/guests/${vmid}/rehearsals`, {}, signal);
  return reportRehearsal(await followOperation(started, context), context);
}

/** @returns `failed` where something is still held */
export async function thaw(vmid: number, context: Context): Promise<ExitCode> {
  const { api, signal, json, print } = context;
  const result = await api.post(thawResultSchema, `/guests/${vmid}/thaw`, {}, signal);
  const { releasedBy, services, failures } = result;
  if (json) printJson(context, result);
  else if (releasedBy === null) print(`Nothing was held in guest ${vmid}.`);
  else print(`Guest ${vmid} is thawed: ${plural(services.length, 'service')} had been held.`);
  if (!json) failures.forEach(({ message }) => print(`STILL HELD: ${message}`));
  return failures.length === 0 ? exitCodes.ok : exitCodes.failed;
}

/** @returns `below` where it had come to its end before */
export async function cancel(id: string, context: Context): Promise<ExitCode> {
  const { api, signal, json, print } = context;
  const path = `/operations/${encodeURIComponent(id)}/cancellation`;
  const ended = await followOperation(await api.post(operationSchema, path, {}, signal), context);
  const { kind, vmid, error } = ended;
  if (json) printJson(context, ended);
  // It has failed, as it was asked to.
  if (error?.code !== 'cancelled') requireSuccess(ended);
  if (!json)
    print(
      error === null
        ? `The ${kind} of guest ${vmid} ended before.`
        : `The ${kind} of guest ${vmid} is cancelled.`,
    );
  return error === null ? exitCodes.below : exitCodes.ok;
}
