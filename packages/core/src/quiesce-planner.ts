import {
  type EngineMethodName,
  engineMethodSchema,
  type HoldAction,
  type MethodName,
  type PlannedService,
  type QuiescePlan,
  readLabels,
  type ServiceLabels,
  type StackPolicy,
} from '@tacet/protocol';
import { engineOf, needsOwnBackup, type RecognisableService } from './engine-of-service.ts';
import { planSteps } from './plan-steps.ts';
import { policyOfStack } from './stack-policy.ts';

/** One running container, as far as the plan needs to know it. */
export interface PlannableService extends RecognisableService {
  stack: string;
  service: string;
  containerId: string;
  /** Services of the same stack that this one needs. */
  dependsOn: readonly string[];
  labels: Readonly<Record<string, string>>;
}

/** What an engine said of itself, by container. */
export type EngineFacts = ReadonlyMap<
  string,
  Pick<PlannedService, 'engine' | 'predictedHoldMs'> & { notes: readonly string[] }
>;

/** Engines whose files are only complete behind their own lock; `exec` has nothing else. */
const alwaysLocked: ReadonlySet<MethodName> = new Set(['mariadb', 'mysql', 'redis', 'exec']);

/** Those that can also be held by their lock alone. An atomic snapshot of a PostgreSQL needs none. */
const lockable: ReadonlySet<MethodName> = new Set([...alwaysLocked, 'mongodb', 'sqlite']);

/** What is held how, and in which order; the same for the same services. */
export function planQuiesce(
  services: readonly PlannableService[],
  facts: EngineFacts = new Map(),
): QuiescePlan {
  const read = services.map((service) => ({ service, ...readLabels(service.labels) }));
  const policyOf = (stack: string): ReturnType<typeof policyOfStack> =>
    policyOfStack(
      read.flatMap(({ service, labels }) => (service.stack === stack ? (labels['tacet.policy'] ?? []) : [])),
    );
  const uncovered: QuiescePlan['uncovered'] = [];
  const planned = read.flatMap(({ service, labels, problems }) => {
    const { stack, service: name, containerId, image, dependsOn } = service;
    const { policy, disagree } = policyOf(stack);
    const { method, chosenBy } = chooseMethod(service, labels, policy);
    const holds = holdsOf(method, chosenBy, policy, labels);
    if (method === 'none') {
      const label = chosenBy === 'policy' ? 'tacet.policy' : 'tacet.method';
      uncovered.push({ stack, service: name, reason: `label ${label}=none` });
      return [];
    }
    if (holds.length === 0) uncovered.push({ stack, service: name, reason: unheldReason(method) });
    const fact = facts.get(containerId);
    const notes = [
      ...problems,
      ...(disagree ? [`its stack's services give different policies: ${policy} counts`] : []),
      ...(needsOwnBackup(image) ? ['no copy of its files is supported: back it up by its snapshot API'] : []),
      ...(fact?.notes ?? []),
    ];
    const entry: PlannedService = {
      stack,
      service: name,
      containerId,
      image,
      method,
      chosenBy,
      holds,
      engine: fact?.engine ?? null,
      predictedHoldMs: holds.includes('lock') ? (fact?.predictedHoldMs ?? null) : null,
      notes,
    };
    return [{ service: entry, dependsOn }];
  });
  return {
    services: planned.map(({ service }) => service),
    steps: planSteps(planned.map(({ service, dependsOn }) => ({ ...service, dependsOn }))),
    uncovered,
  };
}

/** Narrower than {@link MethodName}: those that talk to an engine. */
export function isEngineMethod(method: MethodName): method is EngineMethodName {
  return engineMethodSchema.safeParse(method).success;
}

/**
 * Those that are held without their flush: what a Redis without an append-only file has not dumped by itself is
 * then missing from the copy (all of its writes, if it never dumped).
 */
export function heldUnflushed({ services }: QuiescePlan): PlannedService[] {
  return services.filter(
    ({ method, image }) =>
      (method === 'freeze' || method === 'pause') &&
      engineOf({ image, programs: [], hasSqlite: false })?.method === 'redis',
  );
}

function chooseMethod(
  service: PlannableService,
  labels: ServiceLabels,
  policy: StackPolicy,
): Pick<PlannedService, 'method' | 'chosenBy'> {
  const label = labels['tacet.method'];
  if (label !== undefined) return { method: label, chosenBy: 'label' };
  if (policy !== 'sweep' && policy !== 'flush') return { method: policy, chosenBy: 'policy' };
  if (labels['tacet.exec.hold'] !== undefined || labels['tacet.exec.prepare'] !== undefined) {
    return { method: 'exec', chosenBy: 'label' };
  }
  const engine = engineOf(service);
  if (engine) return { method: engine.method, chosenBy: engine.by };
  return { method: 'freeze', chosenBy: 'default' };
}

function holdsOf(
  method: MethodName,
  chosenBy: PlannedService['chosenBy'],
  policy: StackPolicy,
  labels: ServiceLabels,
): HoldAction[] {
  if (method === 'none') return [];
  if (method === 'pause' || method === 'stop') return [method];
  const standstill = standstills[policy];
  if (method === 'freeze') return standstill === undefined && chosenBy === 'default' ? [] : ['freeze'];
  // Ended in order, an engine has nothing left to lock.
  if (standstill === 'stop') return ['stop'];
  const hasLock = method !== 'exec' || labels['tacet.exec.hold'] !== undefined;
  if (standstill === undefined) return hasLock && lockable.has(method) ? ['lock'] : [];
  return hasLock && alwaysLocked.has(method) ? ['lock', standstill] : [standstill];
}

const standstills: Readonly<Record<StackPolicy, Exclude<HoldAction, 'lock'> | undefined>> = {
  sweep: 'freeze',
  flush: undefined,
  freeze: 'freeze',
  pause: 'pause',
  stop: 'stop',
  none: undefined,
};

function unheldReason(method: MethodName): string {
  return isEngineMethod(method)
    ? 'flushed, and not held (policy flush)'
    : 'nothing to flush, and not held (policy flush)';
}
