import { type Clock, orAborted, TacetError } from '@tacet/runtime';
import type { HeldLease } from './held-lease.ts';
import type { ServiceHold } from './method.ts';
import type { Operation } from './operation.ts';

export interface HoldPorts {
  clock: Clock;
  /** A hold that came about after its signal had aborted. */
  onLate: (hold: ServiceHold) => void;
}

/**
 * Holds wave after wave, the services of a wave in parallel, and fills in their evidence. The first failure
 * ends it; what is held by then is the caller's to thaw.
 * @throws TacetError `hold-failed`, naming the service.
 */
export async function holdAll(
  operation: Operation,
  lease: HeldLease,
  ports: HoldPorts,
  signal: AbortSignal,
): Promise<void> {
  for (const wave of operation.waves) {
    await Promise.all(wave.map((hold) => holdOne(operation, hold, lease, ports, signal)));
  }
  signal.throwIfAborted();
}

async function holdOne(
  operation: Operation,
  hold: ServiceHold,
  lease: HeldLease,
  { clock, onLate }: HoldPorts,
  signal: AbortSignal,
): Promise<void> {
  signal.throwIfAborted();
  const { stack, service, containerId, method } = hold.record;
  operation.attempted.add(hold);
  const holdStartedAt = Math.round(clock.now());
  try {
    await orAborted(hold.hold(lease.leftMs, signal), signal, () => onLate(hold));
  } catch (error) {
    throw new TacetError(`${stack}/${service} could not be held (${method})`, {
      code: 'hold-failed',
      cause: error,
    });
  }
  operation.evidence.set(hold, {
    stack,
    service,
    containerId,
    method,
    prepareMs: operation.prepared.get(containerId)?.prepareMs ?? 0,
    holdStartedAt,
    heldAt: Math.round(clock.now()),
    thawedAt: null,
    intactUntilThaw: null,
  });
}
