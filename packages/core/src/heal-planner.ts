import type { ContainerState, Health, Manifest, ManifestService, RestartPolicy } from '@tacet/protocol';

/** A container as it is now. */
export interface ObservedContainer {
  containerId: string;
  state: ContainerState;
  health: Health;
  restartPolicy: RestartPolicy;
}

export type HealStep =
  | {
      kind: 'unpause' | 'start' | 'stop';
      stack: string;
      service: string;
      containerId: string;
      because: string;
    }
  | {
      kind: 'set-restart-policy';
      stack: string;
      service: string;
      containerId: string;
      policy: RestartPolicy;
      previous: RestartPolicy;
      because: string;
    };

export interface HealPlan {
  /** Steps that may be done now, in any order. Observe again afterwards. */
  steps: HealStep[];
  /** What cannot be stepped towards yet: a start, a health check, a dependency is under way. */
  waiting: { stack: string; service: string; because: string }[];
  /** What heal cannot bring back. */
  findings: { stack: string; service: string; because: string }[];
}

export interface HealPolicy {
  /** Given to containers that ran and have none; `no` leaves them without. */
  missingRestartPolicy: RestartPolicy;
}

/**
 * The difference between what the manifest says must be and what is. Pure and stateless: doing its steps and
 * asking again leads to an empty plan, from wherever it starts.
 */
export function planHeal(
  manifest: Manifest,
  observed: readonly ObservedContainer[],
  policy: HealPolicy,
): HealPlan {
  const plan: HealPlan = { steps: [], waiting: [], findings: [] };
  const now = new Map(observed.map((container) => [container.containerId, container]));
  for (const service of manifest.services) {
    const container = now.get(service.containerId);
    if (!container) {
      if (ran(service)) plan.findings.push(of(service, `its container ${service.containerName} is gone`));
    } else if (ran(service)) {
      bringBack(plan, service, container, policy, (name) => dependencyOf(service, name, manifest, now));
    } else {
      keepStopped(plan, service, container);
    }
  }
  return plan;
}

type Dependency = { service: ManifestService; container: ObservedContainer | undefined };

function bringBack(
  plan: HealPlan,
  service: ManifestService,
  container: ObservedContainer,
  policy: HealPolicy,
  dependency: (name: string) => Dependency | undefined,
): void {
  if (container.restartPolicy === 'no' && policy.missingRestartPolicy !== 'no') {
    plan.steps.push({
      kind: 'set-restart-policy',
      ...idsOf(service),
      policy: policy.missingRestartPolicy,
      previous: container.restartPolicy,
      because: 'it ran, and has no restart policy that would start it again',
    });
  }
  switch (container.state) {
    case 'running':
      if (container.health === 'starting')
        plan.waiting.push(of(service, 'its health check has not passed yet'));
      if (container.health === 'unhealthy') plan.waiting.push(of(service, 'its health check fails'));
      return;
    case 'paused':
      plan.steps.push({ kind: 'unpause', ...idsOf(service), because: 'it was running, and is paused' });
      return;
    case 'restarting':
    case 'removing':
      plan.waiting.push(of(service, `the engine is ${container.state} it`));
      return;
    case 'dead':
      plan.findings.push(of(service, 'the engine calls it dead: it must be removed and created again'));
      return;
    case 'created':
    case 'exited': {
      const missing = service.dependsOn.find((need) => !isMet(need.condition, dependency(need.service)));
      if (missing) plan.waiting.push(of(service, `it needs ${missing.service} (${missing.condition}) first`));
      else
        plan.steps.push({
          kind: 'start',
          ...idsOf(service),
          because: `it was running, and is ${container.state}`,
        });
    }
  }
}

/** A policy like `on-failure` can start what was stopped on purpose. */
function keepStopped(plan: HealPlan, service: ManifestService, container: ObservedContainer): void {
  if (container.state !== 'running' && container.state !== 'restarting' && container.state !== 'paused')
    return;
  plan.steps.push({
    kind: 'stop',
    ...idsOf(service),
    because: `it was ${service.state} on purpose when the backup was made`,
  });
}

function isMet(
  condition: ManifestService['dependsOn'][number]['condition'],
  on: Dependency | undefined,
): boolean {
  // What the manifest does not know, or knew as stopped, nobody can wait for.
  if (!on || !ran(on.service)) return true;
  switch (condition) {
    case 'service_started':
      return on.container?.state === 'running';
    case 'service_healthy':
      return (
        on.container?.state === 'running' &&
        (on.container.health === 'healthy' || on.container.health === 'none')
      );
    case 'service_completed_successfully':
      return on.container?.state === 'exited';
  }
}

function dependencyOf(
  dependent: ManifestService,
  name: string,
  manifest: Manifest,
  now: ReadonlyMap<string, ObservedContainer>,
): Dependency | undefined {
  const service = manifest.services.find(
    (other) => other.stack === dependent.stack && other.service === name,
  );
  return service && { service, container: now.get(service.containerId) };
}

/** Paused and restarting count as running: somebody wanted it to run. */
function ran(service: ManifestService): boolean {
  return service.state === 'running' || service.state === 'paused' || service.state === 'restarting';
}

function idsOf({ stack, service, containerId }: ManifestService) {
  return { stack, service, containerId };
}

function of({ stack, service }: ManifestService, because: string) {
  return { stack, service, because };
}
