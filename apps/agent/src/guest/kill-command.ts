import { type Clock, describeError, type Logger, withDeadline } from '@tacet/runtime';
import type { Engine } from '../engine/engine.ts';
import type { GuestHost } from './guest.ts';

export interface KillPorts {
  engine: Pick<Engine, 'containers'>;
  host: Pick<GuestHost, 'freezer'> & { processes: Pick<GuestHost['processes'], 'killMarked'> };
  clock: Clock;
  log: Logger;
}

const killMs = 5_000;

/**
 * Kills what runs in a container with this variable in its environment, and everything that it has started: the
 * engine itself ends no command that it was asked to run. Never rejects: says what became of it.
 */
export async function killCommand(
  containerId: string,
  variable: string,
  { engine, host, clock, log }: KillPorts,
): Promise<string> {
  using deadline = withDeadline(undefined, killMs, 'killing it', clock);
  try {
    const container = (await engine.containers(deadline.signal)).find(({ id }) => id === containerId);
    if (!container || container.pid === 0) return 'its container has ended';
    const cgroup = await host.freezer.cgroupOf(container.pid);
    await host.processes.killMarked(cgroup, variable, deadline.signal);
    return 'killed with its children';
  } catch (error) {
    log.error('a command could not be killed', { containerId, variable, error });
    return `not killed, ${describeError(error)}`;
  }
}
