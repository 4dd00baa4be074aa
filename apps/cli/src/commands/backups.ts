import {
  type Backup,
  backupListSchema,
  type Operation,
  operationSchema,
  startBackupSchema,
} from '@tacet/protocol';
import { requireValid } from '../arguments.ts';
import { type Context, printJson } from '../context.ts';
import { type ExitCode, exitCodes } from '../exit-codes.ts';
import { followOperation, requireSuccess } from '../follow-operation.ts';
import { bytesOf, dateTimeOf, durationOf } from '../print/moment.ts';
import { table } from '../print/table.ts';
import { verdictLines } from '../print/verdict.ts';

export interface BackupOptions {
  readonly storage?: string;
  readonly mode?: string;
  readonly failClosed?: boolean;
}

export async function backUp(vmid: number, options: BackupOptions, context: Context): Promise<ExitCode> {
  const { api, signal } = context;
  const { failClosed = false, ...how } = options;
  const body = { ...how, ...(failClosed && { whenNotQuiesced: 'fail-closed' }) };
  requireValid(startBackupSchema, body, 'this backup');
  const started = await api.post(operationSchema, `/guests/${vmid}/backups`, body, signal);
  return await reportBackup(await followOperation(started, context), context);
}

export async function reportBackup(operation: Operation, context: Context): Promise<ExitCode> {
  if (context.json) printJson(context, operation);
  const { backup } = requireSuccess(operation);
  if (backup === null) return exitCodes.failed;
  if (!context.json) ['', ...verdictLines(backup)].forEach(context.print);
  return backup.verdict.consistency === 'app' ? exitCodes.ok : exitCodes.below;
}

export async function listBackups(vmid: number | undefined, context: Context): Promise<ExitCode> {
  const query = vmid === undefined ? '' : `?vmid=${vmid}`;
  const list = await context.api.get(backupListSchema, `/backups${query}`, context.signal);
  if (context.json) printJson(context, list);
  else backupTable(list.backups).forEach(context.print);
  return exitCodes.ok;
}

function backupTable(backups: readonly Backup[]): string[] {
  if (backups.length === 0) return ['No backup yet. Make one: tacet backup VMID'];
  const rows = backups.map((backup) => [
    backup.id,
    String(backup.vmid),
    dateTimeOf(backup.finishedAt),
    backup.origin,
    backup.verdict.consistency,
    backup.sizeBytes === null ? '?' : bytesOf(backup.sizeBytes),
    restorableOf(backup),
    backup.volid,
  ]);
  return table(['id', 'vmid', 'finished', 'origin', 'verdict', 'size', 'restorable', 'volume'], rows);
}

/** What its newest drill has shown. */
function restorableOf({ drill }: Backup): string {
  if (drill === undefined || drill.finishedAt === null) return '';
  const at = dateTimeOf(drill.finishedAt);
  if (drill.outcome === 'proven') return `proven ${at}, ready after ${durationOf(drill.readyAfterMs ?? 0)}`;
  return drill.outcome === 'started' ? `started ${at}, nobody could ask it` : `FAILED ${at}`;
}
