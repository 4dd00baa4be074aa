import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { accessSync, constants as fsConstants, existsSync } from 'node:fs';
import { constants as osConstants } from 'node:os';
import { createInterface } from 'node:readline';
import type { Worker } from '../tasks/task.ts';
import type { BackupLog } from './backup-log.ts';
import { CommandError, InterruptedError } from './commands.ts';

export type JobPhase = 'job-init' | 'job-start' | 'job-end' | 'job-abort';
export type GuestPhase =
  | 'backup-start'
  | 'pre-stop'
  | 'pre-restart'
  | 'post-restart'
  | 'backup-end'
  | 'backup-abort'
  | 'log-end';

/** What a hook learns about the guest, besides its arguments. */
export interface HookTask {
  mode: string;
  readonly vmid: number;
  hostname?: string;
  target?: string;
  logfile?: string;
}

/** Why the configured script cannot be used at all, or undefined. */
export function hookScriptProblem(script: string): string | undefined {
  if (!existsSync(script)) return `Error: The hook script '${script}' does not exist.`;
  try {
    accessSync(script, fsConstants.X_OK);
    return undefined;
  } catch {
    // Not executable is what is asked here.
    return `Error: The hook script '${script}' is not executable.`;
  }
}

/**
 * vzdump's hook script as a real child process: no shell, cwd `/`, an environment without PATH and HOME,
 * no timeout; standard output and standard error become `INFO:` lines. The private mount namespace that
 * Proxmox VE gives it in snapshot and stop mode is not simulated.
 */
export class HookScript {
  readonly #script: string | undefined;
  readonly #worker: Worker;
  readonly #storage: string | undefined;
  /** Set once the storage is known: not in `job-init`. */
  dumpDir: string | undefined;

  constructor(script: string | undefined, worker: Worker, storage: string | undefined) {
    this.#script = script;
    this.#worker = worker;
    this.#storage = storage;
  }

  async job(phase: JobPhase, log: BackupLog): Promise<void> {
    await this.#run([phase], {}, log);
  }

  async guest(phase: GuestPhase, task: HookTask, log: BackupLog): Promise<void> {
    await this.#run([phase, task.mode, String(task.vmid)], guestEnvironment(task), log);
  }

  async #run(args: readonly string[], environment: Record<string, string>, log: BackupLog): Promise<void> {
    if (this.#script === undefined) return;
    this.#worker.aliveOrThrow();
    if (this.#worker.takeInterrupt()) throw new InterruptedError();
    const child = spawn(this.#script, args, {
      cwd: '/',
      env: {
        LC_ALL: 'C',
        LVM_SUPPRESS_FD_WARNINGS: '1',
        ...(this.#storage === undefined ? {} : { STOREID: this.#storage }),
        ...(this.dumpDir === undefined ? {} : { DUMPDIR: this.dumpDir }),
        ...environment,
      },
      // A process group of its own, because SIGTERM and SIGKILL go to the worker's whole group.
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const reason = await this.#outcome(child, log);
    this.#worker.aliveOrThrow();
    if (reason !== undefined) throw new CommandError([this.#script, ...args].join(' '), reason);
  }

  async #outcome(child: ChildProcess, log: BackupLog): Promise<string | undefined> {
    const interruptible = !this.#worker.terminated.aborted;
    const interrupt = (): void => {
      killGroup(child, 'SIGTERM');
      killGroup(child, 'SIGKILL');
    };
    const kill = (): void => killGroup(child, 'SIGKILL');
    if (interruptible) this.#worker.terminated.addEventListener('abort', interrupt, { once: true });
    this.#worker.killed.addEventListener('abort', kill, { once: true });
    try {
      const lines = Promise.all(
        [child.stdout, child.stderr].map((stream) => copyLines(stream, log, this.#worker)),
      );
      const [code, signal] = (await once(child, 'close')) as [number | null, NodeJS.Signals | null];
      await lines;
      if (interruptible && this.#worker.takeInterrupt()) return 'interrupted by signal';
      if (signal !== null) return `got signal ${osConstants.signals[signal]}`;
      return code === 0 ? undefined : `exit code ${code}`;
    } finally {
      this.#worker.terminated.removeEventListener('abort', interrupt);
      this.#worker.killed.removeEventListener('abort', kill);
    }
  }
}

function guestEnvironment(task: HookTask): Record<string, string> {
  const environment: Record<string, string> = { VMTYPE: 'lxc' };
  if (task.hostname !== undefined) environment['HOSTNAME'] = task.hostname;
  if (task.target !== undefined) environment['TARGET'] = task.target;
  if (task.logfile !== undefined) environment['LOGFILE'] = task.logfile;
  return environment;
}

async function copyLines(
  stream: NodeJS.ReadableStream | null,
  log: BackupLog,
  worker: Worker,
): Promise<void> {
  if (stream === null) return;
  for await (const line of createInterface({ input: stream })) {
    if (worker.killed.aborted) continue;
    log.info(line);
  }
}

function killGroup(child: ChildProcess, signal: NodeJS.Signals): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, signal);
  } catch (error) {
    // ESRCH: the group is gone already, which is what was wanted.
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}
