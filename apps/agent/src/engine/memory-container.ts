import type { ContainerState, Health, RestartPolicy } from '@tacet/protocol';

/** How a container's data survives a crash: `dump` loses what was written since the last one. */
export type Persistence = 'durable' | 'dump' | 'none';

/** What a simulated container is made from. */
export interface MemoryContainerSpec {
  /** With a stack it carries compose's labels; without one it stands for itself. */
  stack?: string;
  service: string;
  image: string;
  restartPolicy?: RestartPolicy;
  /** `db:service_healthy`, `cache`. */
  dependsOn?: readonly string[];
  labels?: Readonly<Record<string, string>>;
  env?: readonly string[];
  command?: readonly string[];
  /** Default `running`. */
  state?: 'running' | 'exited' | 'created' | 'paused';
  /** It has a health check, which passes this long after a start. */
  healthyAfterMs?: number;
  /** Default `dump` for Redis and Valkey, `durable` for everything else. */
  persistence?: Persistence;
  /** What `redis-cli` must give. */
  password?: string;
}

/** A simulated container, as plain data: this is also what a capture holds. */
export interface MemoryContainer {
  id: string;
  name: string;
  image: string;
  labels: Record<string, string>;
  env: string[];
  command: string[];
  restartPolicy: RestartPolicy;
  healthyAfterMs: number | null;
  persistence: Persistence;
  password: string | null;
  state: ContainerState;
  /** Docker's `HasBeenManuallyStopped`. */
  manuallyStopped: boolean;
  pid: number;
  frozen: boolean;
  startedAt: number;
  /** Redis's `CLIENT PAUSE`; epoch milliseconds, 0 for none. */
  writesPausedUntil: number;
  /** Acknowledged writes, oldest first. */
  written: string[];
  /** So many of them would survive a crash now. */
  durable: number;
}

export function toMemoryContainer(spec: MemoryContainerSpec, index: number, now: number): MemoryContainer {
  const { stack, service, image, state = 'running' } = spec;
  const isRedis = /redis|valkey/.test(image);
  return {
    id: (index + 1).toString(16).padStart(64, '0'),
    name: stack === undefined ? service : `${stack}-${service}-1`,
    image,
    labels: { ...composeLabels(spec), ...spec.labels },
    env: [...(spec.env ?? [])],
    command: [...(spec.command ?? [])],
    restartPolicy: spec.restartPolicy ?? 'no',
    healthyAfterMs: spec.healthyAfterMs ?? null,
    persistence: spec.persistence ?? (isRedis ? 'dump' : 'durable'),
    password: spec.password ?? null,
    state,
    manuallyStopped: state === 'exited',
    pid: state === 'running' || state === 'paused' ? 1000 + index : 0,
    frozen: state === 'paused',
    // Long ago: what the simulation starts with is healthy.
    startedAt: now - (spec.healthyAfterMs ?? 0),
    writesPausedUntil: 0,
    written: [],
    durable: 0,
  };
}

export function healthOf(container: MemoryContainer, now: number): Health {
  if (container.healthyAfterMs === null || container.state !== 'running') return 'none';
  return now - container.startedAt >= container.healthyAfterMs ? 'healthy' : 'starting';
}

/**
 * A container after its guest was started from a copy. Measured with Docker 26: neither a frozen cgroup nor
 * `docker pause` is carried over, `unless-stopped` remembers being stopped on purpose, `on-failure` does not.
 */
export function afterRestart(container: MemoryContainer, pid: number, now: number): MemoryContainer {
  const written = container.written.slice(0, container.durable);
  const runs = startsByItself(container);
  return {
    ...container,
    written,
    durable: written.length,
    state: runs ? 'running' : container.state === 'created' ? 'created' : 'exited',
    pid: runs ? pid : 0,
    frozen: false,
    writesPausedUntil: 0,
    startedAt: now,
  };
}

function startsByItself({ state, restartPolicy, manuallyStopped }: MemoryContainer): boolean {
  if (state === 'created') return false;
  switch (restartPolicy) {
    case 'no':
      return false;
    case 'unless-stopped':
      return !manuallyStopped;
    case 'on-failure':
    case 'always':
      return true;
  }
}

function composeLabels({ stack, service, dependsOn }: MemoryContainerSpec): Record<string, string> {
  if (stack === undefined) return {};
  const entries = (dependsOn ?? []).map((entry) => {
    const [name, condition = 'service_started'] = entry.split(':');
    return `${name}:${condition}:false`;
  });
  return {
    'com.docker.compose.project': stack,
    'com.docker.compose.service': service,
    'com.docker.compose.container-number': '1',
    'com.docker.compose.oneoff': 'False',
    'com.docker.compose.depends_on': entries.join(','),
  };
}
