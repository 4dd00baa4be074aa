import { type EngineFacts, isEngineMethod, type PlannableService, planQuiesce } from '@tacet/core';
import type { PlannedService, QuiescePlan } from '@tacet/protocol';
import { describeError, runWithin } from '@tacet/runtime';
import { type DiscoveredService, discover, plannable } from '../discovery/compose.ts';
import type { GuestHost } from '../guest/guest.ts';
import { newEngineMethod } from '../methods/make-method.ts';
import type { EngineMethod, MethodPorts, MethodTarget } from '../methods/method.ts';
import { dataOutside } from './data-outside.ts';

/** For one engine to say what it is, when somebody only wants to know. */
const discoverMs = 5_000;

export interface LookPorts extends MethodPorts {
  host: Pick<GuestHost, 'mounts'>;
}

/** What runs in the guest at one moment. */
export interface Sight {
  services: DiscoveredService[];
  /** Of the running ones, by container. */
  targets: ReadonlyMap<string, MethodTarget>;
  plannable: PlannableService[];
  /** What a backup does not contain of their data, by container. */
  outside: ReadonlyMap<string, readonly string[]>;
}

export async function look(ports: LookPorts, signal: AbortSignal): Promise<Sight> {
  const { engine, freezer, processes, host } = ports;
  const services = discover(await engine.containers(signal));
  const mounts = await host.mounts();
  const targets = new Map<string, MethodTarget>();
  const seen = await Promise.all(
    plannable(services).map(async ({ container, ...service }) => {
      const cgroup = await freezer.cgroupOf(container.pid);
      targets.set(container.id, { stack: service.stack, service: service.service, container, cgroup });
      const [running, sqlite] = await Promise.all([processes.list(cgroup), processes.sqliteFiles(cgroup)]);
      return { ...service, programs: running.map(({ name }) => name), hasSqlite: sqlite.length > 0 };
    }),
  );
  const outside = new Map(
    services.map(({ container }) => [container.id, dataOutside(container.mounts, mounts)]),
  );
  return { services, targets, plannable: seen, outside };
}

/** The plan for what is seen, as far as the engines' own word is known. */
export function planFor({ services, plannable: seen, outside }: Sight, facts: EngineFacts): QuiescePlan {
  const plan = planQuiesce(seen, facts);
  for (const { containerId, notes } of plan.services) notes.push(...(outside.get(containerId) ?? []));
  for (const { stack, service, container } of services) {
    // It may run again in the middle of the hold, and nothing can stop it from doing so.
    if (container.state === 'restarting')
      plan.uncovered.push({ stack, service, reason: 'the engine is restarting it again and again' });
  }
  return plan;
}

/** The plan with what every engine says of itself. Does nothing to anybody. */
export async function explorePlan(ports: LookPorts, signal: AbortSignal): Promise<QuiescePlan> {
  const sight = await look(ports, signal);
  const facts = new Map<string, NonNullable<ReturnType<EngineFacts['get']>>>();
  await Promise.all(
    planFor(sight, facts).services.map(async (planned) => {
      const method = engineMethodFor(planned, sight, ports);
      if (!method) return;
      try {
        const what = `asking ${planned.stack}/${planned.service}`;
        const found = await runWithin(signal, discoverMs, what, (within) => method.discover(within), {
          clock: ports.clock,
        });
        facts.set(planned.containerId, found);
      } catch (error) {
        signal.throwIfAborted();
        facts.set(planned.containerId, {
          engine: null,
          predictedHoldMs: null,
          notes: [`cannot be flushed as it is now: ${describeError(error)}`],
        });
      } finally {
        await method.close();
      }
    }),
  );
  return planFor(sight, facts);
}

/** Undefined for what is only held by a generic hold. */
export function engineMethodFor(
  { containerId, method, holds }: PlannedService,
  { targets }: Sight,
  ports: MethodPorts,
): EngineMethod | undefined {
  const target = targets.get(containerId);
  // Ended in order, an engine flushes itself.
  if (!target || !isEngineMethod(method) || holds.includes('stop')) return undefined;
  // With nothing else to hold it, all depends on its lock.
  const policy = holds.includes('freeze') || holds.includes('pause') ? 'sweep' : 'flush';
  return newEngineMethod(method, target, policy, ports);
}
