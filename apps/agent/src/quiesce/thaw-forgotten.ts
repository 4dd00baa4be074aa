import { methodLabel } from '@tacet/core';
import type { Manifest } from '@tacet/protocol';
import { retry } from '@tacet/runtime';
import type { EngineContainer } from '../engine/engine.ts';
import type { MethodPorts } from './method.ts';

/**
 * For a journal that cannot be read. A container that the engine calls running while its cgroup is frozen can
 * only be one of ours: `docker pause` would have made it paused. One that is paused or stopped can be ours where
 * its label says so, and was running when the manifest was written. Tries until it has seen all containers.
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
      for (const container of await engine.containers(signal)) {
        if (!(await thawIfOurs(container, ran.has(container.id), ports, signal))) continue;
        logger.warn('thawed a container that nobody remembered', { container: container.name });
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
  { id, state, pid, labels }: EngineContainer,
  ran: boolean,
  { engine, freezer }: MethodPorts,
  signal: AbortSignal,
): Promise<boolean> {
  const method = labels[methodLabel];
  if (state === 'running') {
    const cgroup = await freezer.cgroupOf(pid);
    if (!(await freezer.isFrozen(cgroup))) return false;
    await freezer.thaw(cgroup, signal);
  } else if (ran && state === 'paused' && method === 'pause') {
    await engine.unpause(id, signal);
  } else if (ran && state === 'exited' && method === 'stop') {
    await engine.start(id, signal);
  } else {
    return false;
  }
  return true;
}
