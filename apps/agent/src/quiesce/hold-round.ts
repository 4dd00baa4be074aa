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
  /** Writes out what is dirty. Called before the first hold, and again where slow ones came before the sweep. */
  sync: () => Promise<void>;
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
  const sweep = operation.steps.findIndex(isSweep);
  if (sweep !== 0) await ports.sync();
  for (const [index, step] of operation.steps.entries()) {
    if (index === sweep) await ports.sync();
    if (index === 0) startProbes(operation, ports);
    // Nobody is to stand still yet while others come near.
    const next = operation.steps[index + 1] ?? [];
    await Promise.all([...step, ...next].map((hold) => approach(operation, hold, signal)));
    await Promise.all(step.map((hold) => holdOne(operation, hold, lease, ports, signal)));
  }
  signal.throwIfAborted();
}

function startProbes({ prepared, probes }: Operation, ports: HoldPorts): void {
  for (const [containerId, { method }] of prepared) {
    if (method?.probe) probes.set(containerId, new StallProbe(method.probe, ports));
  }
}

function isSweep(step: readonly ServiceHold[]): boolean {
  return step.every(({ record }) => record.action === 'freeze');
}

async function approach(operation: Operation, hold: ServiceHold, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  if (!hold.approach) return;
  operation.attempted.add(hold);
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
  operation.attempted.add(hold);
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
