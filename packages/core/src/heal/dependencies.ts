import type { Manifest, ManifestService } from '@tacet/protocol';
import { type AwaitedService, type HealPlan, type ObservedContainer, ran } from './situation.ts';

type Dependency = ManifestService['dependsOn'][number];

/**
 * What a service of a stack waits for, by the conditions of compose's `depends_on`. What the
 * manifest does not know, or knew as stopped, nobody can wait for: a job that had ended well is such a one.
 */
export function awaitedBy(
  dependent: ManifestService,
  { services, takenAt }: Pick<Manifest, 'services' | 'takenAt'>,
  now: ReadonlyMap<string, ObservedContainer>,
): AwaitedService | undefined {
  const missing = dependent.dependsOn.find(({ service: name, condition }) => {
    const on = services.find(({ stack, service }) => stack === dependent.stack && service === name);
    return on && ran(on) && !isMet(condition, now.get(on.containerId), takenAt);
  });
  if (!missing) return undefined;
  const { service, condition } = missing;
  return { service, because: `it needs ${service} (${condition}) first` };
}

function isMet(
  condition: Dependency['condition'],
  container: ObservedContainer | undefined,
  takenAt: number,
): boolean {
  if (!container) return false;
  const { state, health } = container;
  switch (condition) {
    case 'service_started':
      return state === 'running' || hasCompleted(container, takenAt);
    case 'service_healthy':
      return state === 'running' && (health === 'healthy' || health === 'none');
    case 'service_completed_successfully':
      return hasCompleted(container, takenAt);
  }
}

/** It has run since the manifest was taken, and ended well. */
export function hasCompleted({ state, exitCode, startedAt }: ObservedContainer, takenAt: number): boolean {
  return state === 'exited' && exitCode === 0 && startedAt > takenAt;
}

/** Others in its stack wait for its end. */
export function isOneShot(
  { stack, service }: ManifestService,
  services: readonly ManifestService[],
): boolean {
  return services.some(
    (other) =>
      other.stack === stack &&
      other.dependsOn.some(
        (on) => on.service === service && on.condition === 'service_completed_successfully',
      ),
  );
}

/** What waits for something that cannot be brought back is not brought back either. */
export function withoutHopelessWaits({ steps, waiting, findings }: HealPlan): HealPlan {
  const lost = [...findings];
  let hopeful = waiting;
  for (;;) {
    const isHopeless = ({ stack, on }: HealPlan['waiting'][number]) =>
      lost.some((one) => one.stack === stack && one.service === on);
    const hopeless = hopeful.filter(isHopeless);
    if (hopeless.length === 0) return { steps, waiting: hopeful, findings: lost };
    lost.push(...hopeless.map(({ stack, service, because }) => ({ stack, service, because })));
    hopeful = hopeful.filter((wait) => !hopeless.includes(wait));
  }
}
