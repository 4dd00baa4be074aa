import { spawn } from 'node:child_process';
import { once } from 'node:events';

export interface RunOptions {
  stdin?: string | Uint8Array;
  signal?: AbortSignal | undefined;
  /** Default 60 s; the process is killed then. */
  timeoutMs?: number | undefined;
  /** File descriptors in place of the pipes, for streams that should not pass through this process. */
  stdinFd?: number;
  stdoutFd?: number;
  /** Called with each line of stdout as it comes. */
  onLine?: (line: string) => void;
  env?: Record<string, string>;
}

export interface RunResult {
  exitCode: number;
  stdout: string;
  stderr: string;
}

export class CommandError extends Error {
  override readonly name = 'CommandError';
  readonly argv: readonly string[];
  readonly exitCode: number | undefined;
  readonly stderr: string;

  constructor(argv: readonly string[], what: string, result: Partial<RunResult>, cause?: unknown) {
    const tail = (result.stderr || result.stdout || '').trim().split('\n').slice(-8).join('\n  ');
    const shown = argv.join(' ');
    super(
      `${shown.length > 300 ? `${shown.slice(0, 80)} … ${shown.slice(-200)}` : shown}: ${what}${tail ? `\n  ${tail}` : ''}`,
      cause === undefined ? undefined : { cause },
    );
    this.argv = argv;
    this.exitCode = result.exitCode;
    this.stderr = result.stderr ?? '';
  }
}

/** The environment of every command: the caller's (proxy settings matter), with administrators' tools in PATH. */
export function commandEnvironment(extra: Record<string, string> = {}): NodeJS.ProcessEnv {
  return { ...process.env, PATH: '/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C', ...extra };
}

/**
 * Runs a program to its end and resolves with its exit code, whatever it is.
 * @throws CommandError when it cannot be started, is killed by a signal, by the deadline or by the caller.
 */
export async function runToExit(argv: readonly string[], options: RunOptions = {}): Promise<RunResult> {
  const [command, ...args] = argv;
  if (command === undefined) throw new Error('an empty command line');
  options.signal?.throwIfAborted();
  const timeoutMs = options.timeoutMs ?? 60_000;
  const deadline = AbortSignal.timeout(timeoutMs);
  const stop = options.signal ? AbortSignal.any([options.signal, deadline]) : deadline;
  const child = spawn(command, args, {
    stdio: [options.stdinFd ?? 'pipe', options.stdoutFd ?? 'pipe', 'pipe'],
    env: commandEnvironment(options.env),
    signal: stop,
    killSignal: 'SIGKILL',
  });
  const stdout: Buffer[] = [];
  const stderr: Buffer[] = [];
  let line = '';
  child.stdout?.on('data', (chunk: Buffer) => {
    stdout.push(chunk);
    if (!options.onLine) return;
    const lines = (line + chunk.toString()).split('\n');
    line = lines.pop() ?? '';
    for (const complete of lines) options.onLine(complete);
  });
  child.stderr?.on('data', (chunk: Buffer) => stderr.push(chunk));
  // A program may end without having read its input; its exit code says whether that was right.
  child.stdin?.on('error', () => undefined);
  child.stdin?.end(options.stdin);
  const collected = () => ({
    stdout: Buffer.concat(stdout).toString(),
    stderr: Buffer.concat(stderr).toString(),
  });
  try {
    const [exitCode, signalName] = (await once(child, 'close')) as [number | null, string | null];
    if (exitCode === null) throw new CommandError(argv, `killed by ${signalName}`, collected());
    return { exitCode, ...collected() };
  } catch (error) {
    if (error instanceof CommandError) throw error;
    if (deadline.aborted) throw new CommandError(argv, `no end within ${timeoutMs} ms`, collected(), error);
    if (options.signal?.aborted) throw new CommandError(argv, 'aborted', collected(), options.signal.reason);
    throw new CommandError(argv, 'could not be run', collected(), error);
  }
}

/** Runs a program that must succeed. */
export async function run(argv: readonly string[], options: RunOptions = {}): Promise<RunResult> {
  const result = await runToExit(argv, options);
  if (result.exitCode !== 0) throw new CommandError(argv, `exit code ${result.exitCode}`, result);
  return result;
}
