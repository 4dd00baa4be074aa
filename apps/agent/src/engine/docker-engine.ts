import type { RestartPolicy } from '@tacet/protocol';
import { orAborted } from '@tacet/runtime';
import Docker from 'dockerode';
import { containerChanges } from './docker-changes.ts';
import { toEngineContainer } from './docker-container.ts';
import { engineMessage, statusOf, toTacetError } from './docker-errors.ts';
import { runExec, startExec } from './docker-exec.ts';
import { joinNetworksOfToday } from './docker-networks.ts';
import { DockerExecSession } from './docker-session.ts';
import type { Engine, EngineContainer, ExecRequest, ExecResult, ExecSession } from './engine.ts';

/** The Docker daemon behind a unix socket. Every call is bounded by its signal: the daemon can hang. */
export class DockerEngine implements Engine {
  readonly #docker: Docker;

  constructor(options: { socketPath?: string } = {}) {
    const { socketPath = '/var/run/docker.sock' } = options;
    // Said outright, because dockerode would otherwise follow DOCKER_HOST to another machine's daemon.
    this.#docker = new Docker({ socketPath, host: undefined, protocol: 'http' });
  }

  async version(signal: AbortSignal): Promise<string> {
    return await this.#call('asking for its version', signal, async () => {
      const { Version: version } = await orAborted(this.#docker.version(), signal);
      return version;
    });
  }

  async storageDriver(signal: AbortSignal): Promise<string> {
    return await this.#call('asking for its storage driver', signal, async () => {
      const info: unknown = await orAborted(this.#docker.info(), signal);
      const isNamed = typeof info === 'object' && info !== null && 'Driver' in info;
      return isNamed && typeof info.Driver === 'string' ? info.Driver : 'unknown';
    });
  }

  async containers(signal: AbortSignal): Promise<EngineContainer[]> {
    return await this.#call('listing containers', signal, async () => {
      const list = await this.#docker.listContainers({ all: true, abortSignal: signal });
      const found = await Promise.all(list.map(({ Id: id }) => this.#inspect(id, signal)));
      return found.filter((container) => container !== undefined);
    });
  }

  async start(containerId: string, signal: AbortSignal): Promise<void> {
    await this.#act('start', containerId, signal, (container) => container.start({ abortSignal: signal }));
  }

  async stop(containerId: string, graceMs: number, signal: AbortSignal): Promise<void> {
    // Whole seconds are all that the daemon knows.
    const t = Math.ceil(graceMs / 1000);
    await this.#act('stop', containerId, signal, (container) => container.stop({ t, abortSignal: signal }));
  }

  async pause(containerId: string, signal: AbortSignal): Promise<void> {
    await this.#act('pause', containerId, signal, (container) => container.pause({ abortSignal: signal }));
  }

  async unpause(containerId: string, signal: AbortSignal): Promise<void> {
    await this.#act('unpause', containerId, signal, (container) =>
      container.unpause({ abortSignal: signal }),
    );
  }

  async setRestartPolicy(containerId: string, policy: RestartPolicy, signal: AbortSignal): Promise<void> {
    await this.#act('update', containerId, signal, (container) =>
      container.update({ RestartPolicy: { Name: policy }, abortSignal: signal }),
    );
  }

  async reconnect(containerId: string, signal: AbortSignal): Promise<void> {
    await this.#call(`joining ${short(containerId)} to its networks`, signal, () =>
      joinNetworksOfToday(this.#docker, containerId, signal),
    );
  }

  async exec(containerId: string, request: ExecRequest, signal: AbortSignal): Promise<ExecResult> {
    return await this.#call(`exec in ${short(containerId)}`, signal, () =>
      runExec(this.#docker, containerId, request, signal),
    );
  }

  async openSession(containerId: string, request: ExecRequest, signal: AbortSignal): Promise<ExecSession> {
    return await this.#call(`opening a session in ${short(containerId)}`, signal, async () => {
      const { stream } = await startExec(this.#docker, containerId, request, true, signal);
      return new DockerExecSession(this.#docker, stream);
    });
  }

  async *changes(signal: AbortSignal): AsyncGenerator<void> {
    try {
      yield* containerChanges(this.#docker, signal);
    } catch (error) {
      throw toTacetError('following its events', error, signal);
    }
  }

  async #inspect(id: string, signal: AbortSignal): Promise<EngineContainer | undefined> {
    try {
      return toEngineContainer(await this.#docker.getContainer(id).inspect({ abortSignal: signal }));
    } catch (error) {
      // Removed since it was listed.
      if (statusOf(error) === 404) return undefined;
      throw error;
    }
  }

  async #act(
    verb: string,
    containerId: string,
    signal: AbortSignal,
    action: (container: Docker.Container) => Promise<unknown>,
  ): Promise<void> {
    await this.#call(`${verb} ${short(containerId)}`, signal, async () => {
      try {
        await action(this.#docker.getContainer(containerId));
      } catch (error) {
        if (!isAlreadySo(error)) throw error;
      }
    });
  }

  async #call<T>(what: string, signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    signal.throwIfAborted();
    try {
      return await work();
    } catch (error) {
      throw toTacetError(what, error, signal);
    }
  }
}

/**
 * 304 for start and stop; a conflict in these words for pause and unpause (Docker 26: 409 `Container … is
 * already paused`, 500 `Container … is not paused`).
 */
function isAlreadySo(error: unknown): boolean {
  return statusOf(error) === 304 || /is (already|not) paused/.test(engineMessage(error));
}

function short(containerId: string): string {
  return containerId.slice(0, 12);
}
