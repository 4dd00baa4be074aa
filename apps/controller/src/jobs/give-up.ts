import type { Operation } from '@tacet/protocol';
import type { Clock, Logger } from '@tacet/runtime';
import type { EventLog } from '../event-log.ts';
import { Failure, toWireError } from '../failure.ts';
import type { Store } from '../store/open-store.ts';
import { UnreadableRow } from '../store/readable-rows.ts';

interface GiveUpOptions {
  readonly store: Pick<Store, 'operations'>;
  readonly events: EventLog;
  readonly clock: Clock;
  readonly log: Logger;
  readonly onEnded?: (operation: Operation) => void;
}

/**
 * Ends what a controller that is gone left running, and the store cannot show: it would run for ever, and what a drill
 * has made would stay. What its row says is kept.
 */
export async function giveUpUnreadable(options: GiveUpOptions): Promise<void> {
  for (const operation of await options.store.operations.runningUnreadable()) {
    await end(operation, undefined, options);
  }
}

/** Ends one that cannot be gone on with for a row that cannot be read. @throws `cause` where it is something else */
export async function giveUp(operation: Operation, cause: unknown, options: GiveUpOptions): Promise<void> {
  if (!(cause instanceof UnreadableRow)) throw cause;
  await end(operation, cause, options);
}

/** @param cause undefined where it was told already */
async function end(
  operation: Operation,
  cause: UnreadableRow | undefined,
  options: GiveUpOptions,
): Promise<void> {
  const { store, events, clock, log, onEnded } = options;
  const { id, kind, vmid } = operation;
  const at = clock.now();
  const error = toWireError(
    new Failure(
      'internal',
      'what the store has of this operation could not be read when the controller restarted',
      {
        hint: 'What Proxmox VE had begun goes on by itself: look at its tasks of the guest. The controller’s log says what cannot be read; it is kept.',
        cause,
      },
    ),
  );
  log.error('an operation is not gone on with', { operationId: id, error: cause ?? error.message });
  try {
    await store.operations.giveUp(id, at, error);
  } catch (refused) {
    log.error('an operation could not be written down', { operationId: id, error: refused });
  }
  const data = { operationId: id, kind, state: 'failed', code: error.code };
  const message = `${kind} of guest ${vmid} failed: ${error.message}`;
  await events.append({ at, type: 'operation.finished', message, data }, { guestId: null, vmid });
  onEnded?.({ ...operation, state: 'failed', finishedAt: at, error });
}

/** Of what the end of the controller has kept from its first request. */
export function neverAsked(cause: unknown): Failure {
  return new Failure(
    'not-started',
    'the controller was stopped before it had asked Proxmox VE for anything',
    { retryable: true, cause },
  );
}
