import { operationSchema } from '@tacet/protocol';
import type { Context } from '../context.ts';
import type { ExitCode } from '../exit-codes.ts';
import { followOperation } from '../follow-operation.ts';
import { reportBackup } from './backups.ts';
import { reportRestore } from './restore.ts';

/** Shows an operation, and follows it while it runs. */
export async function showOperation(id: string, context: Context): Promise<ExitCode> {
  const path = `/operations/${encodeURIComponent(id)}`;
  const found = await context.api.get(operationSchema, path, context.signal);
  const operation = await followOperation(found, context);
  return operation.kind === 'backup'
    ? await reportBackup(operation, context)
    : reportRestore(operation, context);
}
