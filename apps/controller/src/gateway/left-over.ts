import { randomUUID } from 'node:crypto';
import type { QuiesceState } from '@tacet/protocol';
import type { Logger } from '@tacet/runtime';
import type { Store } from '../store/open-store.ts';
import type { LiveGuest } from './roster.ts';

const heldStates: ReadonlySet<QuiesceState> = new Set(['preparing', 'prepared', 'holding', 'held']);
const THAW_DEADLINE_MS = 10_000;

/**
 * Thaws a guest that comes back quiesced for an operation that this controller does not run: its lease would
 * end it too, only later. To be called for guests on which nothing runs here.
 */
export async function thawLeftOver(
  guest: LiveGuest,
  { store, log, signal }: { store: Store; log: Logger; signal: AbortSignal },
): Promise<void> {
  const { vmid, session, status, identity } = guest;
  const owed = heldStates.has(status.quiesceState);
  if (!owed || vmid === null || session === null || identity !== 'enrolled') return;
  try {
    const operationId = (await store.operations.newestQuiesceOf(vmid)) ?? randomUUID();
    const options = { deadlineMs: THAW_DEADLINE_MS, signal };
    const { releasedBy } = await session.request('thaw', { operationId }, options);
    log.warn('thawed a guest that came back held', { vmid, operationId, releasedBy });
  } catch (error) {
    log.warn('a guest that came back held was not thawed; its lease will do it', { vmid, error });
  }
}
