import type { MethodName, PlannedService, QuiescePlan } from '@tacet/protocol';
import { methodNameSchema } from '@tacet/protocol';
import { inDependencyOrder } from './dependency-order.ts';

/** One running container, as far as the plan needs to know it. */
export interface PlannableService {
  stack: string;
  service: string;
  containerId: string;
  /** As compose names it: `postgres:17`, `registry.example/immich-app/postgres:16`. */
  image: string;
  /** Services of the same stack that this one needs. */
  dependsOn: readonly string[];
  labels: Readonly<Record<string, string>>;
}

/** The label that overrides the choice of a method, per service. */
export const methodLabel = 'tacet.method';

/** Methods of databases: held last, when nobody is left who writes to them, and thawed first. */
const stores: ReadonlySet<MethodName> = new Set(['postgres', 'redis']);

/**
 * What is held how, and in which order: whoever writes is held before what it writes to (the reverse of
 * `depends_on`, stores last), so that the store's last flush sees everything.
 */
export function planQuiesce(services: readonly PlannableService[]): QuiescePlan {
  const planned: (PlannedService & { dependsOn: readonly string[] })[] = [];
  const uncovered: QuiescePlan['uncovered'] = [];
  for (const service of services) {
    const { stack, containerId, image, dependsOn } = service;
    const choice = chooseMethod(service);
    if (choice.method === 'none') uncovered.push({ stack, service: service.service, reason: choice.reason });
    else planned.push({ stack, service: service.service, containerId, image, dependsOn, ...choice });
  }
  const writersFirst = inDependencyOrder(planned, keyOf, (item) =>
    item.dependsOn.map((name) => `${item.stack}/${name}`),
  ).toReversed();
  const waves = [
    ...writersFirst.map((wave) => wave.filter((item) => !stores.has(item.method))),
    writersFirst.flat().filter((item) => stores.has(item.method)),
  ];
  return {
    waves: waves.filter((wave) => wave.length > 0).map((wave) => wave.map(withoutOrder)),
    uncovered,
  };
}

function chooseMethod(service: PlannableService): {
  method: MethodName;
  chosenBy: PlannedService['chosenBy'];
  reason: string;
} {
  const label = service.labels[methodLabel];
  if (label !== undefined) {
    const method = methodNameSchema.safeParse(label);
    if (method.success)
      return { method: method.data, chosenBy: 'label', reason: `label ${methodLabel}=${label}` };
    // A mistyped label must not leave a service unprotected: the generic hold is right for every container.
    return { method: 'freeze', chosenBy: 'default', reason: `label ${methodLabel}=${label} names no method` };
  }
  const method = methodOfImage(service.image);
  if (method) return { method, chosenBy: 'image', reason: `image ${service.image}` };
  return { method: 'freeze', chosenBy: 'default', reason: 'no method of its own' };
}

const methodsByRepository: Readonly<Record<string, MethodName>> = {
  pgvector: 'postgres',
  postgis: 'postgres',
  postgres: 'postgres',
  postgresql: 'postgres',
  timescaledb: 'postgres',
  'timescaledb-ha': 'postgres',
  redis: 'redis',
  'redis-stack-server': 'redis',
  valkey: 'redis',
};

/**
 * Those that a label holds without their flush: what a Redis without an append-only file has not dumped by
 * itself is then missing from the copy (all of its writes, if it never dumped).
 */
export function heldUnflushed(plan: QuiescePlan): PlannedService[] {
  return plan.waves
    .flat()
    .filter(
      ({ method, image }) => (method === 'freeze' || method === 'pause') && methodOfImage(image) === 'redis',
    );
}

/** By the repository's last name, so that a registry, an organisation, a tag or a digest do not matter. */
function methodOfImage(image: string): MethodName | undefined {
  const repository = image.split('@')[0]?.split('/').at(-1)?.split(':')[0] ?? '';
  return methodsByRepository[repository];
}

function keyOf(item: PlannedService): string {
  return `${item.stack}/${item.service}`;
}

function withoutOrder({
  stack,
  service,
  containerId,
  image,
  method,
  chosenBy,
}: PlannedService): PlannedService {
  return { stack, service, containerId, image, method, chosenBy };
}
