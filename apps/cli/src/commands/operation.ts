import { operationSchema } from '@tacet/protocol';
import type { Context } from '../context.ts';
import type { ExitCode } from '../exit-codes.ts';
import { followOperation } from '../follow-operation.ts';
import { reportBackup } from './backups.ts';
import { reportDrill } from './drill.ts';
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
  }
}
