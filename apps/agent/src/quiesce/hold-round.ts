import { type Clock, type Logger, orAborted, TacetError } from '@tacet/runtime';
import type { ServiceHold } from '../methods/method.ts';
import type { HeldLease } from './held-lease.ts';
import type { Operation } from './operation.ts';
import { StallProbe } from './stall-probe.ts';

export interface HoldPorts {
  clock: Clock;
  logger: Logger;
  /** A hold that came about after its signal had aborted. */
  onLate: (hold: ServiceHold) => void;
}

/**
 * Holds step after step, the containers of a step in parallel, and notes when. The first failure ends it; what
 * is held by then is the caller's to thaw.
 * @throws TacetError `hold-failed`, naming the service.
 */
export async function holdAll(
  operation: Operation,
  lease: HeldLease,
  ports: HoldPorts,
  signal: AbortSignal,
): Promise<void> {
  for (const [containerId, { method }] of operation.prepared) {
    if (method?.probe) operation.probes.set(containerId, new StallProbe(method.probe, ports));
  }
  for (const step of operation.steps) {
    await Promise.all(step.map((hold) => approach(operation, hold, signal)));
    await Promise.all(step.map((hold) => holdOne(operation, hold, lease, ports, signal)));
  }
  signal.throwIfAborted();
}

/** From here on it is owed a thaw. */
async function approach(operation: Operation, hold: ServiceHold, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  operation.attempted.add(hold);
  if (!hold.approach) return;
  try {
    await orAborted(hold.approach(signal), signal);
  } catch (error) {
    throw couldNotBeHeld(hold, error);
  }
}

async function holdOne(
  operation: Operation,
  hold: ServiceHold,
  lease: HeldLease,
  { clock, onLate }: HoldPorts,
  signal: AbortSignal,
): Promise<void> {
  signal.throwIfAborted();
  const startedAt = Math.round(clock.now());
  try {
    await orAborted(hold.hold(lease.leftMs, signal), signal, () => onLate(hold));
  } catch (error) {
    throw couldNotBeHeld(hold, error);
  }
  operation.evidence.held(hold, startedAt, Math.round(clock.now()));
}

function couldNotBeHeld({ record }: ServiceHold, cause: unknown): TacetError {
  const { stack, service, action, method } = record;
  const how = action === 'lock' ? `the lock of ${method}` : action;
  return new TacetError(`${stack}/${service} could not be held (${how})`, { code: 'hold-failed', cause });
}
