import {
  type GuestSnapshot,
  guestSnapshotListSchema,
  type Operation,
  operationSchema,
} from '@tacet/protocol';
import { type Context, printJson } from '../context.ts';
import { type ExitCode, exitCodes } from '../exit-codes.ts';
import { followOperation, requireSuccess } from '../follow-operation.ts';
import { dateTimeOf } from '../print/moment.ts';
import { table } from '../print/table.ts';
import { judgementLines } from '../print/verdict.ts';

export interface SnapshotOptions {
  readonly before: string;
}

export async function takeSnapshot(
  vmid: number,
  { before }: SnapshotOptions,
  context: Context,
): Promise<ExitCode> {
  const started = await context.api.post(
    operationSchema,
    `/guests/${vmid}/snapshots`,
    { before },
    context.signal,
  );
  return reportSnapshot(await followOperation(started, context), context);
}

export function reportSnapshot(operation: Operation, context: Context): ExitCode {
  if (context.json) printJson(context, operation);
  const { vmid, snapshot } = requireSuccess(operation);
  if (snapshot === undefined) return exitCodes.failed;
  if (!context.json) {
    ['', `Snapshot ${snapshot.name}`, ...judgementLines(snapshot.verdict)].forEach(context.print);
    context.print(`\nBack to it: tacet rollback ${vmid} ${snapshot.name}`);
  }
  return snapshot.verdict.consistency === 'app' ? exitCodes.ok : exitCodes.below;
}

export async function listSnapshots(vmid: number, context: Context): Promise<ExitCode> {
  const list = await context.api.get(guestSnapshotListSchema, `/guests/${vmid}/snapshots`, context.signal);
  if (context.json) printJson(context, list);
  else snapshotTable(vmid, list.snapshots).forEach(context.print);
  return exitCodes.ok;
}

export async function rollBack(vmid: number, name: string | undefined, context: Context): Promise<ExitCode> {
  const body = name === undefined ? {} : { name };
  const started = await context.api.post(operationSchema, `/guests/${vmid}/rollbacks`, body, context.signal);
  return reportRollback(await followOperation(started, context), context);
}

export function reportRollback(operation: Operation, context: Context): ExitCode {
  if (context.json) printJson(context, operation);
  const { vmid } = requireSuccess(operation);
  if (!context.json) context.print(`\nGuest ${vmid} is rolled back, healed and ready.`);
  return exitCodes.ok;
}

function snapshotTable(vmid: number, snapshots: readonly GuestSnapshot[]): string[] {
  if (snapshots.length === 0) {
    return [
      `Guest ${vmid} has no snapshot. Take one: tacet snapshot ${vmid} --before "what you are about to do"`,
    ];
  }
  const rows = snapshots.map(({ name, takenAt, held, description }) => [
    name,
    takenAt === null ? '?' : dateTimeOf(takenAt),
    held?.verdict.consistency ?? '',
    held === null ? (description.split('\n')[0] ?? '') : `before ${held.before}`,
  ]);
  return table(['name', 'taken', 'verdict', ''], rows);
}
