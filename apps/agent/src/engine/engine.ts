import type { ContainerState, Health, RestartPolicy } from '@tacet/protocol';

/** A container as the engine knows it. */
export interface EngineContainer {
  id: string;
  name: string;
  /** As it was asked for (`postgres:17`), not the image's id. */
  image: string;
  labels: Readonly<Record<string, string>>;
  state: ContainerState;
  health: Health;
  restartPolicy: RestartPolicy;
  /** By the guest's wall clock, epoch milliseconds; 0 when never. */
  startedAt: number;
  /** Of its last end; 0 while it runs. */
  exitCode: number;
  /** Why its last start failed, in the engine's words; empty where it did not. */
  error: string;
  /** How often the engine has started it again by itself. */
  restartCount: number;
  /** Of its first process, in the guest's PID namespace; 0 when not running. */
  pid: number;
  /** `NAME=value`, image defaults included. May hold credentials: never logged. */
  env: readonly string[];
  /** Entry point and arguments, as started. May hold credentials: never logged. */
  command: readonly string[];
  mounts: readonly EngineMount[];
  /** Where the guest reaches it; absent where it has no network of its own, or does not run. */
  address?: string;
}

/** What of the guest is mounted into a container. */
export interface EngineMount {
  /** In the guest: a directory or a file; a named volume's too. */
  source: string;
  /** In the container. */
  target: string;
  readOnly: boolean;
}

export interface ExecRequest {
  argv: readonly string[];
  /** Where credentials go: unlike argv it is not in anybody's process list. */
  env?: Readonly<Record<string, string>>;
  user?: string;
}

export interface ExecResult {
  exitCode: number;
  stdout: string;
  stderr: string;
}

/**
 * A client kept open in a container, fed line by line. Opened before the stall, because starting a process
 * in a container takes longer than most holds; and kept, because a lock dies with its session.
 */
export interface ExecSession extends AsyncDisposable {
  /**
   * Sends one line (or several, joined by newlines) and answers with the output up to and including the first
   * line that `isLast` accepts. Rejects when the client ends, or on abort, which ends the session: a late
   * answer could not be told from the next question's.
   */
  ask(line: string, isLast: (line: string) => boolean, signal: AbortSignal): Promise<string[]>;
}

/**
 * The Docker daemon, as narrow as Tacet needs it. Every action is idempotent: what is already so is success.
 * Every call rejects with a TacetError: `engine-unreachable` when the daemon does not answer, `not-found`
 * for a container that is gone.
 */
export interface Engine {
  version(signal: AbortSignal): Promise<string>;
  /** As `docker info` names it: `overlay2`, `overlayfs`, `vfs`, … */
  storageDriver(signal: AbortSignal): Promise<string>;
  /** All containers, the stopped ones included. */
  containers(signal: AbortSignal): Promise<EngineContainer[]>;
  start(containerId: string, signal: AbortSignal): Promise<void>;
  /** Gives the container `graceMs` to end by itself before it is killed. */
  stop(containerId: string, graceMs: number, signal: AbortSignal): Promise<void>;
  pause(containerId: string, signal: AbortSignal): Promise<void>;
  unpause(containerId: string, signal: AbortSignal): Promise<void>;
  setRestartPolicy(containerId: string, policy: RestartPolicy, signal: AbortSignal): Promise<void>;
  /**
   * Joins a container that does not run to the networks of today by the names of those that it was in: a
   * network that was removed and made again has another id.
   */
  reconnect(containerId: string, signal: AbortSignal): Promise<void>;
  exec(containerId: string, request: ExecRequest, signal: AbortSignal): Promise<ExecResult>;
  openSession(containerId: string, request: ExecRequest, signal: AbortSignal): Promise<ExecSession>;
  /** Yields once it listens, and whenever a container changed. Ends by throwing when the daemon goes away, or on abort. */
  changes(signal: AbortSignal): AsyncIterable<void>;
}
