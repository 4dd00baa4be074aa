import type { Operation, StoredEvent } from '@tacet/protocol';
import { backupEnded } from './backup-ended.ts';
import { copyQuarantined } from './copy-quarantined.ts';
import { drillFailed } from './drill-failed.ts';
import { holdExpired } from './hold-expired.ts';
import { type Facts, type News, nothing } from './news.ts';
import { operationFailed } from './operation-failed.ts';

/** What an event is worth telling. */
export async function newsOfEvent(event: StoredEvent, facts: Facts): Promise<News> {
  const { type, data, at } = event;
  if (type === 'lease.expired') return await holdExpired(event, facts);
  if (type === 'guest.quarantined') return await copyQuarantined(event, facts);
  if (type !== 'operation.finished') return nothing;
  const id = data['operationId'];
  const operation = typeof id === 'string' ? await facts.operation(id) : undefined;
  return operation === undefined ? nothing : await newsOfOperation(operation, at, facts);
}

async function newsOfOperation(operation: Operation, at: number, facts: Facts): Promise<News> {
  const hasFailed = operation.state === 'failed';
  switch (operation.kind) {
    case 'backup':
      return await backupEnded(operation, at, facts);
    case 'drill':
      return hasFailed ? drillFailed(operation, at) : nothing;
    case 'restore':
    case 'snapshot':
    case 'rollback':
      return hasFailed ? operationFailed(operation, at) : nothing;
    case 'rehearsal':
      return nothing; // whoever asked for it looks at it
  }
}
