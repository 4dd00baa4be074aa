import type { Manifest, ManifestService } from '@tacet/protocol';
import { completed } from './checks/completed.ts';
import { crashLoop } from './checks/crash-loop.ts';
import { dead } from './checks/dead.ts';
import { leftAlone } from './checks/left-alone.ts';
import { missing } from './checks/missing.ts';
import { notStarted } from './checks/not-started.ts';
import { paused } from './checks/paused.ts';
import { portConflict } from './checks/port-conflict.ts';
import { postRestore } from './checks/post-restore.ts';
import { restartPolicy } from './checks/restart-policy.ts';
import { staleNetwork } from './checks/stale-network.ts';
import { stoppedOnPurpose } from './checks/stopped-on-purpose.ts';
import { unhealthy } from './checks/unhealthy.ts';
import { awaitedBy, isOneShot } from './dependencies.ts';
import type { HealCheck, HealPlan, HealPolicy, ObservedContainer, Outcome, Situation } from './situation.ts';

/** What its state asks for: the first that has something to say decides. */
const stateChecks: readonly HealCheck[] = [
  leftAlone,
  stoppedOnPurpose,
  missing,
  dead,
  crashLoop,
  paused,
  completed,
  staleNetwork,
  portConflict,
  notStarted,
  unhealthy,
];

/** Asked besides, whatever its state asks for. */
const furtherChecks: readonly HealCheck[] = [restartPolicy, postRestore];

/**
 * The difference between what the manifest says must be and what is. Pure and stateless: doing its steps and
 * asking again leads to an empty plan, from wherever it starts.
 */
export function planHeal(
  manifest: Pick<Manifest, 'services' | 'projects' | 'takenAt'>,
  observed: readonly ObservedContainer[],
  policy: HealPolicy,
): HealPlan {
  const plan: HealPlan = { steps: [], waiting: [], findings: [] };
  const now = new Map(observed.map((container) => [container.containerId, container]));
  const { services, projects, takenAt } = manifest;
  for (const service of services) {
    const situation: Situation = {
      service,
      container: now.get(service.containerId),
      policy,
      project: projects.find(({ stack }) => stack === service.stack),
      isOneShot: isOneShot(service, services),
      takenAt,
      awaited: awaitedBy(service, manifest, now),
    };
    add(
      plan,
      service,
      firstOf(stateChecks, (check) => check(situation)),
    );
    for (const check of furtherChecks) add(plan, service, check(situation));
  }
  return plan;
}

function add(plan: HealPlan, of: ManifestService, outcome: Outcome | undefined): void {
  const { stack, service, containerId } = of;
  switch (outcome?.kind) {
    case 'step': {
      const { action, because, patienceMs } = outcome;
      const step = { ...action, stack, service, containerId, because };
      plan.steps.push(patienceMs === undefined ? step : { ...step, patienceMs });
      return;
    }
    case 'wait': {
      const { kind: _, ...wait } = outcome;
      plan.waiting.push({ stack, service, ...wait });
      return;
    }
    case 'finding':
      plan.findings.push({ stack, service, because: outcome.because });
      return;
    case 'settled':
    case undefined:
  }
}

function firstOf<T, R>(items: readonly T[], answer: (item: T) => R | undefined): R | undefined {
  for (const item of items) {
    const found = answer(item);
    if (found !== undefined) return found;
  }
  return undefined;
}
