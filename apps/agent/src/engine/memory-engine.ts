import type { RestartPolicy } from '@tacet/protocol';
import { type Clock, deferred, orAborted, systemClock, TacetError } from '@tacet/runtime';
import type { Freezer } from '../guest/guest.ts';
import type { Engine, EngineContainer, ExecRequest, ExecResult, ExecSession } from './engine.ts';
import {
  afterRestart,
  healthOf,
  type MemoryContainer,
  type MemoryContainerSpec,
  toMemoryContainer,
} from './memory-container.ts';
import { type MemoryFault, MemoryFaults } from './memory-faults.ts';
import { MemoryPsqlSession } from './memory-postgres.ts';
import { MemoryRedisSession, type MemorySurroundings } from './memory-redis.ts';

const cgroupRoot = '/sys/fs/cgroup/system.slice';

/** Plain data: what a snapshot of the guest's disk would carry. */
export interface EngineCapture {
  containers: MemoryContainer[];
}

/**
 * An engine without containers, for tests and for the simulator: behaves as Docker does as far as Tacet
 * looks, can be told to fail, and shows whether a container's writes stand still.
 */
export class MemoryEngine implements Engine {
  readonly faults = new MemoryFaults();
  readonly freezer: Freezer;
  readonly #clock: Clock;
  readonly #containers: Map<string, MemoryContainer>;
  readonly #waiting = new Set<() => void>();
  #nextPid = 5000;
  #changeCount = 0;
  #life = 0;

  constructor(options: { containers: readonly MemoryContainerSpec[]; clock?: Clock }) {
    this.#clock = options.clock ?? systemClock;
    const now = this.#clock.now();
    this.#containers = new Map(
      options.containers.map((spec, index) => {
        const container = toMemoryContainer(spec, index, now);
        return [container.id, container];
      }),
    );
    this.freezer = this.#makeFreezer();
  }

  /** The engine of a guest that was started from this capture. */
  static fromCapture(capture: EngineCapture, options: { clock?: Clock } = {}): MemoryEngine {
    const engine = new MemoryEngine({ containers: [], ...options });
    for (const container of structuredClone(capture.containers)) {
      engine.#containers.set(
        container.id,
        afterRestart(container, (engine.#nextPid += 1), engine.#clock.now()),
      );
    }
    return engine;
  }

  capture(): EngineCapture {
    return structuredClone({ containers: [...this.#containers.values()] });
  }

  /**
   * The daemon ends, and with it what it runs; nobody is answered. @returns its next start, after which it takes
   * `stoppedByHand` for stopped by somebody.
   */
  goAway(stoppedByHand: readonly string[] = []): () => void {
    const effect = new TacetError('the daemon is gone', { code: 'engine-unreachable', retryable: true });
    const calls = ['version', 'containers', 'start', 'changes'] as const;
    const ends = calls.map((call) => this.inject({ call, effect }));
    this.#life += 1;
    this.#changed();
    return () => {
      for (const end of ends) end();
      for (const [id, container] of this.#containers) {
        const manuallyStopped = container.manuallyStopped || stoppedByHand.includes(id);
        const before = { ...container, manuallyStopped };
        this.#containers.set(id, afterRestart(before, (this.#nextPid += 1), this.#clock.now()));
      }
      this.#changed();
    };
  }

  inject(fault: MemoryFault): () => void {
    return this.faults.inject(fault);
  }

  /** By `stack/service` or by name. */
  idOf(name: string): string {
    for (const { id, name: own, labels } of this.#containers.values()) {
      const place = `${labels['com.docker.compose.project']}/${labels['com.docker.compose.service']}`;
      if (own === name || place === name) return id;
    }
    throw new TacetError(`no container ${name}`, { code: 'not-found' });
  }

  /** True while an application in it could not get a write acknowledged. */
  writesBlocked(containerId: string): boolean {
    const { state, frozen, writesPausedUntil } = this.#get(containerId);
    return state !== 'running' || frozen || writesPausedUntil > this.#clock.now();
  }

  /** Resolves when the write is acknowledged. Rejects when the container does not run, or on abort. */
  async write(containerId: string, value: string, signal: AbortSignal): Promise<void> {
    const container = this.#get(containerId);
    await this.#until(() => !this.writesBlocked(containerId) || isDown(container), signal);
    if (isDown(container)) throw new TacetError('connection refused', { code: 'not-found' });
    container.written.push(value);
    if (container.persistence === 'durable') container.durable = container.written.length;
  }

  written(containerId: string): readonly string[] {
    return this.#get(containerId).written;
  }

  /** As `docker rm --force` does. */
  remove(containerId: string): void {
    const container = this.#get(containerId);
    end(container);
    this.#containers.delete(containerId);
    this.#changed();
  }

  /** The process ends by itself. */
  crash(containerId: string): void {
    end(this.#get(containerId));
    this.#changed();
  }

  add(spec: MemoryContainerSpec): string {
    const container = toMemoryContainer(spec, this.#nextPid++, this.#clock.now());
    this.#containers.set(container.id, container);
    this.#changed();
    return container.id;
  }

  async version(signal: AbortSignal): Promise<string> {
    await this.faults.before('version', undefined, signal);
    return '26.1.5-memory';
  }

  async storageDriver(signal: AbortSignal): Promise<string> {
    await this.faults.before('version', undefined, signal);
    return 'overlay2';
  }

  async containers(signal: AbortSignal): Promise<EngineContainer[]> {
    await this.faults.before('containers', undefined, signal);
    return [...this.#containers.values()].map((container) => ({
      id: container.id,
      name: container.name,
      image: container.image,
      labels: { ...container.labels },
      state: container.state,
      health: healthOf(container, this.#clock.now()),
      restartPolicy: container.restartPolicy,
      startedAt: container.startedAt,
      exitCode: 0,
      error: '',
      restartCount: 0,
      pid: container.pid,
      env: [...container.env],
      command: [...container.command],
      mounts: [],
    }));
  }

  async start(containerId: string, signal: AbortSignal): Promise<void> {
    await this.faults.before('start', containerId, signal);
    const container = this.#get(containerId);
    if (container.state === 'running') return;
    if (container.state === 'paused') throw refused('cannot start a paused container, try unpause instead');
    container.state = 'running';
    container.manuallyStopped = false;
    container.pid = this.#nextPid += 1;
    container.startedAt = this.#clock.now();
    this.#changed();
    if (container.healthyAfterMs !== null) {
      void this.#clock.sleep(container.healthyAfterMs).then(() => this.#changed());
    }
  }

  async stop(containerId: string, _graceMs: number, signal: AbortSignal): Promise<void> {
    await this.faults.before('stop', containerId, signal);
    const container = this.#get(containerId);
    if (container.state !== 'created') end(container);
    container.manuallyStopped = true;
    this.#changed();
  }

  async pause(containerId: string, signal: AbortSignal): Promise<void> {
    await this.faults.before('pause', containerId, signal);
    const container = this.#get(containerId);
    if (container.state === 'paused') return;
    if (container.state !== 'running') throw refused('container is not running');
    container.state = 'paused';
    container.frozen = true;
    this.#changed();
  }

  async unpause(containerId: string, signal: AbortSignal): Promise<void> {
    await this.faults.before('unpause', containerId, signal);
    const container = this.#get(containerId);
    if (container.state !== 'paused') return;
    // The runtime's words when somebody has thawed the cgroup behind the engine's back.
    if (!container.frozen) throw refused('OCI runtime resume failed: container not paused: unknown');
    container.state = 'running';
    container.frozen = false;
    this.#changed();
  }

  async setRestartPolicy(containerId: string, policy: RestartPolicy, signal: AbortSignal): Promise<void> {
    await this.faults.before('setRestartPolicy', containerId, signal);
    this.#get(containerId).restartPolicy = policy;
    this.#changed();
  }

  async reconnect(containerId: string, signal: AbortSignal): Promise<void> {
    await this.faults.before('reconnect', containerId, signal);
    this.#get(containerId);
  }

  async exec(containerId: string, request: ExecRequest, signal: AbortSignal): Promise<ExecResult> {
    await this.faults.before('exec', containerId, signal);
    const container = this.#running(containerId);
    // A process in a frozen container does not run either.
    await this.#until(() => !container.frozen, signal);
    return answerOf(container.image, request.argv.join(' '));
  }

  async openSession(containerId: string, request: ExecRequest, signal: AbortSignal): Promise<ExecSession> {
    await this.faults.before('openSession', containerId, signal);
    const container = this.#running(containerId);
    const around: MemorySurroundings = {
      now: () => this.#clock.now(),
      current: () => this.#containers.get(containerId),
      changed: () => this.#changed(),
      until: (condition, until) => this.#until(condition, until),
      beforeAsk: (asked) => this.faults.before('ask', containerId, asked),
    };
    if (container.image.includes('postgres')) return new MemoryPsqlSession(around);
    const fromEnv = container.env.find((entry) => entry.startsWith('REDIS_PASSWORD='))?.split('=')[1];
    return new MemoryRedisSession(around, request.env?.['REDISCLI_AUTH'] ?? fromEnv);
  }

  async *changes(signal: AbortSignal): AsyncGenerator<void> {
    await this.faults.before('changes', undefined, signal);
    let seen = this.#changeCount;
    const life = this.#life;
    yield;
    for (;;) {
      const { promise, resolve } = deferred();
      this.#waiting.add(resolve);
      try {
        if (seen === this.#changeCount) await orAborted(promise, signal);
      } finally {
        this.#waiting.delete(resolve);
      }
      seen = this.#changeCount;
      if (life !== this.#life) throw refused('the daemon is gone');
      yield;
    }
  }

  #makeFreezer(): Freezer {
    const find = (cgroup: string): MemoryContainer | undefined =>
      [...this.#containers.values()].find(({ id, pid }) => pid !== 0 && cgroup === cgroupFor(id));
    const set = async (frozen: boolean, cgroup: string, signal: AbortSignal): Promise<void> => {
      const container = find(cgroup);
      await this.faults.before(frozen ? 'freeze' : 'thaw', container?.id, signal);
      if (frozen && !container) throw new TacetError(`${cgroup} is gone`, { code: 'not-found' });
      if (!container) return;
      container.frozen = frozen;
      this.#changed();
    };
    return {
      cgroupOf: async (pid) => {
        const container = [...this.#containers.values()].find((one) => one.pid === pid && pid !== 0);
        if (!container) throw new TacetError(`process ${pid} is gone`, { code: 'not-found' });
        return cgroupFor(container.id);
      },
      freeze: (cgroup, signal) => set(true, cgroup, signal),
      thaw: (cgroup, signal) => set(false, cgroup, signal),
      isFrozen: async (cgroup) => find(cgroup)?.frozen ?? false,
    };
  }

  #get(containerId: string): MemoryContainer {
    const container = this.#containers.get(containerId);
    if (!container) throw new TacetError(`no such container: ${containerId}`, { code: 'not-found' });
    return container;
  }

  #running(containerId: string): MemoryContainer {
    const container = this.#get(containerId);
    if (isDown(container)) throw refused('container is not running');
    return container;
  }

  #changed(): void {
    this.#changeCount += 1;
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const wake of waiting) wake();
  }

  /** Wakes on a change, and when a Redis pause may have run out. */
  async #until(condition: () => boolean, signal: AbortSignal): Promise<void> {
    while (!condition()) {
      const { promise, resolve } = deferred();
      this.#waiting.add(resolve);
      const woken = new AbortController();
      const now = this.#clock.now();
      const ends = [...this.#containers.values()]
        .map(({ writesPausedUntil }) => writesPausedUntil)
        .filter((end) => end > now);
      if (ends.length > 0) {
        const sleep = this.#clock.sleep(Math.min(...ends) - now, woken.signal);
        void sleep.then(resolve, () => undefined); // woken by a change
      }
      try {
        await orAborted(promise, signal);
      } finally {
        this.#waiting.delete(resolve);
        woken.abort();
      }
    }
  }
}

/** To the commands that Tacet runs in a database's container. */
function answerOf(image: string, command: string): ExecResult {
  if (image.includes('postgres') && command.includes('pg_isready')) {
    return { exitCode: 0, stdout: 'accepting connections\n', stderr: '' };
  }
  if (/redis|valkey/.test(image) && command.endsWith('ping')) {
    return { exitCode: 0, stdout: 'PONG\n', stderr: '' };
  }
  return { exitCode: 127, stdout: '', stderr: 'sh: not found' };
}

function cgroupFor(id: string): string {
  return `${cgroupRoot}/docker-${id}.scope`;
}

function isDown({ state }: MemoryContainer): boolean {
  return state !== 'running' && state !== 'paused';
}

function end(container: MemoryContainer): void {
  container.state = 'exited';
  container.pid = 0;
  container.frozen = false;
  container.writesPausedUntil = 0;
}

function refused(message: string): TacetError {
  return new TacetError(message, { code: 'internal' });
}
