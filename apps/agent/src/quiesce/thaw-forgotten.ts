import { retry } from '@tacet/runtime';
import type { MethodPorts } from './method.ts';

/**
 * For a journal that cannot be read. A container that the engine calls running while its cgroup is frozen
 * can only be one of ours: `docker pause` would have made it paused. Paused and stopped ones are left to
 * heal, which has the manifest. Tries until it has seen all containers.
 */
export async function thawForgotten(ports: MethodPorts, signal: AbortSignal): Promise<void> {
  const { engine, freezer, clock, logger } = ports;
  await retry(
    async () => {
      for (const container of await engine.containers(signal)) {
        if (container.state !== 'running') continue;
        const cgroup = await freezer.cgroupOf(container.pid);
        if (!(await freezer.isFrozen(cgroup))) continue;
        await freezer.thaw(cgroup, signal);
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
