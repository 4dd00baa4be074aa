import type { HoldAction, PlannedService, PlanStep } from '@tacet/protocol';
import { inDependencyOrder } from './dependency-order.ts';

/** A lock that takes longer than this is taken alone and before the others, who would wait for it. */
const quickLockMs = 50;

export interface OrderedService extends PlannedService {
  /** Services of the same stack that this one needs. */
  dependsOn: readonly string[];
}

/**
 * The order of holding: writers first, stores last. What is stopped or paused goes by the reverse of `depends_on`,
 * so that a store's end sees everything. Slow locks come before everything quick, the longest first, so that a dump
 * of seconds keeps nobody else waiting. Then everybody who needs no lock is frozen, which is the one point in time
 * of the guest: from there on nobody is left who writes, and the processor is free for the quick locks.
 */
export function planSteps(services: readonly OrderedService[]): PlanStep[] {
  const locked = services.filter(({ holds }) => holds.includes('lock'));
  const frozen = services.filter(({ holds }) => holds.includes('freeze'));
  const slow = locked
    .filter((one) => costMs(one) > quickLockMs)
    .toSorted((one, other) => costMs(other) - costMs(one));
  const steps = [
    ...writersFirst(services, 'stop'),
    ...slow.map((one) => step('lock', [one])),
    ...writersFirst(
      services.filter((one) => !locked.includes(one)),
      'pause',
    ),
    step(
      'freeze',
      frozen.filter((one) => !locked.includes(one)),
    ),
    step(
      'lock',
      locked.filter((one) => !slow.includes(one)),
    ),
    ...writersFirst(locked, 'pause'),
    step(
      'freeze',
      frozen.filter((one) => locked.includes(one)),
    ),
  ];
  return steps.filter(({ containerIds }) => containerIds.length > 0);
}

function writersFirst(services: readonly OrderedService[], action: HoldAction): PlanStep[] {
  const held = services.filter(({ holds }) => holds.includes(action));
  return inDependencyOrder(
    held,
    ({ stack, service }) => `${stack}/${service}`,
    ({ stack, dependsOn }) => dependsOn.map((name) => `${stack}/${name}`),
  )
    .toReversed()
    .map((wave) => step(action, wave));
}

/** Nobody can tell what a label's commands take: they are not to keep the others waiting. */
function costMs({ method, predictedHoldMs }: PlannedService): number {
  return predictedHoldMs ?? (method === 'exec' ? Number.POSITIVE_INFINITY : 0);
}

function step(action: HoldAction, services: readonly PlannedService[]): PlanStep {
  return { action, containerIds: services.map(({ containerId }) => containerId) };
}
