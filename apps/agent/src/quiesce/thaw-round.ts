import type { ServiceFailure } from '@tacet/protocol';
import { backoff, type Clock, describeError, type Logger, runWithin } from '@tacet/runtime';
import type { ServiceHold } from '../methods/method.ts';

/** For one attempt at one container; a start of a stopped one takes the longest. */
const attemptMs = 5_000;

/** How long a step keeps the next one waiting: an engine that hangs must not keep the rest frozen. */
const stepMs = 1_000;

const retryDelays = { baseMs: 500, capMs: 30_000 };

export interface ThawPorts {
  clock: Clock;
  logger: Logger;
  /** Called first, when what was held after it is thawed already. Never rejects. */
  beforeThaw?: (hold: ServiceHold) => Promise<void>;
  onThawed: (hold: ServiceHold) => void;
}

/** What did not thaw, with the reason. */
export type Unthawed = Map<ServiceHold, ServiceFailure>;

export function namesOf(unthawed: Unthawed): string {
  return [...unthawed.values()].map(({ stack, service }) => `${stack}/${service}`).join(', ');
}

/** One attempt at everything, the last step first. Never throws. */
export async function thawAll(steps: readonly ServiceHold[][], ports: ThawPorts): Promise<Unthawed> {
  const unthawed: Unthawed = new Map();
  const attempts: Promise<void>[] = [];
  for (const step of sweptTogether(steps).toReversed()) {
    const ofStep = Promise.all(
      step.map(async (hold) => {
        await ports.beforeThaw?.(hold);
        await attempt(hold, unthawed, ports);
      }),
    );
    attempts.push(ofStep.then(() => undefined));
    const patience = new AbortController();
    await Promise.race([
      ofStep,
      ports.clock.sleep(stepMs, patience.signal).catch(() => undefined), // the step was quicker
    ]);
    patience.abort();
  }
  await Promise.all(attempts);
  return unthawed;
}

/**
 * What was frozen is one step with the locks beneath: what is asked of a frozen container is answered the moment it
 * is thawed, so that nobody waits for a question that comes later. Those with a lock begin, as theirs takes longest.
 */
function sweptTogether(steps: readonly ServiceHold[][]): ServiceHold[][] {
  const first = steps.findLastIndex((step) => !step.every(isSwept)) + 1;
  const swept = steps.slice(first).flat();
  const locked = new Set(
    swept.filter(({ record }) => record.action === 'lock').map(({ record }) => record.containerId),
  );
  const isLocked = ({ record }: ServiceHold): boolean => locked.has(record.containerId);
  return [...steps.slice(0, first), [...swept.filter(isLocked), ...swept.filter((hold) => !isLocked(hold))]];
}

function isSwept({ record: { action } }: ServiceHold): boolean {
  return action === 'lock' || action === 'freeze';
}

/** Tries again, for ever, until everything is thawed; rejects only on abort. `unthawed` shrinks meanwhile. */
export async function thawStubborn(unthawed: Unthawed, ports: ThawPorts, signal: AbortSignal): Promise<void> {
  for (const delayMs of backoff(retryDelays)) {
    if (unthawed.size === 0) return;
    await ports.clock.sleep(delayMs, signal);
    await Promise.all([...unthawed.keys()].map((hold) => attempt(hold, unthawed, ports)));
  }
}

async function attempt(hold: ServiceHold, unthawed: Unthawed, ports: ThawPorts): Promise<void> {
  const { stack, service } = hold.record;
  const { clock, logger } = ports;
  try {
    await runWithin(undefined, attemptMs, `thawing ${stack}/${service}`, (signal) => hold.thaw(signal), {
      clock,
    });
    unthawed.delete(hold);
    ports.onThawed(hold);
  } catch (error) {
    logger.error('not thawed yet', { ...hold.record, error });
    unthawed.set(hold, { stack, service, phase: 'thaw', message: describeError(error) });
  }
}
