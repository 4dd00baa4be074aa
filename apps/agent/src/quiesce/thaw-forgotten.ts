import { planQuiesce } from '@tacet/core';
import type { Manifest, PlannedService } from '@tacet/protocol';
import { retry } from '@tacet/runtime';
import { discover, toPlannable } from '../discovery/compose.ts';
import type { EngineContainer } from '../engine/engine.ts';
import { inheritedHold } from '../methods/make-method.ts';
import type { MethodPorts } from '../methods/method.ts';

/**
 * For a journal that cannot be read. A container that the engine calls running while its cgroup is frozen can
 * only be one of ours: `docker pause` would have made it paused. One that is paused or stopped can be ours where
 * the plan would do so, and was running when the manifest was written. A lock is released wherever the plan
 * would take one: nothing is lost by releasing what is not held. Tries until it has seen all containers.
 */
export async function thawForgotten(
  ports: MethodPorts,
  manifest: Manifest | undefined,
  signal: AbortSignal,
): Promise<void> {
  const { engine, clock, logger } = ports;
  const ran = new Set(
    manifest?.services.filter(({ state }) => state === 'running').map(({ containerId }) => containerId),
  );
  await retry(
    async () => {
      const services = discover(await engine.containers(signal));
      const plan = planQuiesce(
        services.map((service) => ({ ...toPlannable(service), programs: [], hasSqlite: false })),
      );
      const byContainer = new Map(plan.services.map((planned) => [planned.containerId, planned]));
      for (const { container } of services) {
        const planned = byContainer.get(container.id);
        const thawed = await thawIfOurs(container, planned, ran.has(container.id), ports, signal);
        if (thawed) logger.warn('thawed a container that nobody remembered', { container: container.name });
        if (container.state === 'running' && planned) await releaseLock(container, planned, ports, signal);
      }
    },
    {
      what: 'looking for forgotten holds',
      signal,
      clock,
      baseMs: 500,
      capMs: 30_000,
      retryable: () => true,
      onRetry: (error) => logger.warn('cannot look for forgotten holds yet', { error }),
    },
  );
}

/** @returns whether there was something to do. */
async function thawIfOurs(
  { id, state, pid }: EngineContainer,
  planned: PlannedService | undefined,
  ran: boolean,
  { engine, freezer }: MethodPorts,
  signal: AbortSignal,
): Promise<boolean> {
  if (state === 'running') {
    const cgroup = await freezer.cgroupOf(pid);
    if (!(await freezer.isFrozen(cgroup))) return false;
    await freezer.thaw(cgroup, signal);
  } else if (ran && state === 'paused' && planned?.holds.includes('pause')) {
    await engine.unpause(id, signal);
  } else if (ran && state === 'exited' && planned?.holds.includes('stop')) {
    await engine.start(id, signal);
  } else {
    return false;
  }
  return true;
}

async function releaseLock(
  container: EngineContainer,
  { stack, service, containerId, method, holds }: PlannedService,
  ports: MethodPorts,
  signal: AbortSignal,
): Promise<void> {
  if (!holds.includes('lock') || method === 'none') return;
  const cgroup = await ports.freezer.cgroupOf(container.pid);
  const record = { stack, service, containerId, method, action: 'lock' as const, cgroup };
  const lock = inheritedHold(record, ports, ports.clock.now());
  try {
    await lock.thaw(signal);
  } finally {
    await lock.close();
  }
}
