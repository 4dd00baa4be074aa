import { type Operation, operationListSchema, operationSchema } from '@tacet/protocol';
import { type Context, printJson } from '../context.ts';
import { type ExitCode, exitCodes } from '../exit-codes.ts';
import { followOperation } from '../follow-operation.ts';
import { dateTimeOf } from '../print/moment.ts';
import { table } from '../print/table.ts';
import { reportBackup } from './backups.ts';
import { reportDrill } from './drill.ts';
import { reportRehearsal } from './rehearsal.ts';
import { reportRestore } from './restore.ts';
import { reportRollback, reportSnapshot } from './snapshots.ts';

/** Shows an operation, and follows it while it runs. */
export async function showOperation(id: string, context: Context): Promise<ExitCode> {
  const path = `/operations/${encodeURIComponent(id)}`;
  const found = await context.api.get(operationSchema, path, context.signal);
  const operation = await followOperation(found, context);
  switch (operation.kind) {
    case 'backup':
      return await reportBackup(operation, context);
    case 'restore':
      return reportRestore(operation, context);
    case 'snapshot':
      return reportSnapshot(operation, context);
    case 'rollback':
      return reportRollback(operation, context);
    case 'drill':
      return reportDrill(operation, context);
    case 'rehearsal':
      return reportRehearsal(operation, context);
  }
}

const listed = 30;

/** What runs, and what ran last. */
export async function listOperations(context: Context): Promise<ExitCode> {
  const list = await context.api.get(operationListSchema, `/operations?limit=${listed}`, context.signal);
  if (context.json) printJson(context, list);
  else operationTable(list.operations).forEach(context.print);
  return exitCodes.ok;
}

function operationTable(operations: readonly Operation[]): string[] {
  if (operations.length === 0) return ['Nothing was asked for yet.'];
  const rows = operations.map(({ id, kind, vmid, startedAt, state, error, backup }) => [
    id,
    kind,
    String(vmid),
    dateTimeOf(startedAt),
    state,
    error?.message ?? backup?.verdict.consistency ?? '',
  ]);
  return table(['id', 'kind', 'vmid', 'started', 'state', ''], rows);
}
