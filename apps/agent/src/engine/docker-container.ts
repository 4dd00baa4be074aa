import {
  type ContainerState,
  containerStateSchema,
  healthSchema,
  restartPolicySchema,
} from '@tacet/protocol';
import type { ContainerInspectInfo } from 'dockerode';
import type { EngineContainer } from './engine.ts';

/** Docker's `GET /containers/{id}/json` as Tacet sees a container. */
export function toEngineContainer(info: ContainerInspectInfo): EngineContainer {
  const { State: state, Config: config } = info;
  const health = healthSchema.safeParse(state.Health?.Status);
  const restartPolicy = restartPolicySchema.safeParse(info.HostConfig.RestartPolicy?.Name);
  const address = addressOf(info);
  return {
    id: info.Id,
    name: info.Name.replace(/^\//, ''),
    image: config.Image,
    labels: config.Labels ?? {},
    state: toState(state.Status),
    // Absent where there is no check; an old daemon may leave out the whole object.
    health: health.success ? health.data : 'none',
    // Docker writes the absence of a policy as `no` or as an empty string.
    restartPolicy: restartPolicy.success ? restartPolicy.data : 'no',
    // Year 1 for one that never ran.
    startedAt: Math.max(0, Date.parse(state.StartedAt) || 0),
    exitCode: state.ExitCode,
    error: state.Error,
    restartCount: info.RestartCount,
    pid: state.Pid,
    env: config.Env ?? [],
    command: [info.Path, ...info.Args],
    // One that has no source is in memory, or of a kind that Docker alone knows.
    mounts: info.Mounts.filter(({ Source: source }) => Boolean(source)).map((mount) => ({
      source: mount.Source,
      target: mount.Destination,
      readOnly: !mount.RW,
    })),
    ...(address !== undefined && { address }),
  };
}

/** In a network of its own it has an address there; without one (`host`) it is the guest's. */
function addressOf({ HostConfig, NetworkSettings }: ContainerInspectInfo): string | undefined {
  if (HostConfig.NetworkMode === 'host') return '127.0.0.1';
  // Empty while it does not run. An old daemon may leave out the whole object.
  return Object.values(NetworkSettings?.Networks ?? {}).find(({ IPAddress }) => IPAddress)?.IPAddress;
}

function toState(status: string): ContainerState {
  const state = containerStateSchema.safeParse(status);
  // A word that is not known cannot be acted upon: treated as gone for good, which nothing tries to start.
  return state.success ? state.data : 'dead';
}
