import { taskMessage } from '../api/errors.ts';
import { printUpid, type Upid } from './upid.ts';

/** Thrown at a worker that was killed hard: it does nothing more, no clean-up either. */
export class WorkerKilled extends Error {
  override name = 'WorkerKilled';
}

/** The worker leaves without a `TASK …` line: the task ends with `unexpected status`. */
export class WorkerExit extends Error {
  override name = 'WorkerExit';
}

/** What a worker process sees of its task. */
export interface Worker {
  readonly upid: Upid;
  /** Aborts at SIGTERM. */
  readonly terminated: AbortSignal;
  /** Aborts at SIGKILL. */
  readonly killed: AbortSignal;
  /** One line of the log. Throws `WorkerKilled` when there is no worker any more to write it. */
  log(line: string): void;
  /** A line of the log that turns `OK` into `WARNINGS: n`. */
  warn(line: string): void;
  /** Throws `WorkerKilled` after SIGKILL. */
  aliveOrThrow(): void;
  /** Whether a SIGTERM came that nothing was interrupted by yet. It interrupts one thing only. */
  takeInterrupt(): boolean;
}

export interface TaskTiming {
  readonly forkMs: number;
  readonly statusLagMs: number;
  readonly killAfterMs: number;
}

/** Work that does not heed its signals is not waited for any longer than this. */
const LET_GO_MS = 500;

/** One worker process and its task, from the UPID to the end. */
export class Task {
  readonly upid: Upid;
  readonly text: string;
  readonly log: string[] = [];
  /** Settles when the status says `stopped`. */
  readonly finished: Promise<void>;
  exitstatus: string | undefined;
  endtime: number | undefined;
  #warnings = 0;
  readonly #terminate = new AbortController();
  readonly #kill = new AbortController();
  readonly #timing: TaskTiming;

  constructor(upid: Upid, timing: TaskTiming, work: (worker: Worker) => Promise<void>) {
    this.upid = upid;
    this.text = printUpid(upid);
    this.#timing = timing;
    this.finished = this.#run(work);
  }

  get running(): boolean {
    return this.exitstatus === undefined;
  }

  /** SIGTERM, then SIGKILL when the worker is still there. Resolves when it is gone. */
  async stop(): Promise<void> {
    if (!this.running) return;
    this.#terminate.abort(new Error('interrupted by signal'));
    const timer = setTimeout(() => this.kill(), this.#timing.killAfterMs);
    try {
      await this.finished;
    } finally {
      clearTimeout(timer);
    }
  }

  /** SIGKILL at once. */
  kill(): void {
    this.#kill.abort(new WorkerKilled());
  }

  async #run(work: (worker: Worker) => Promise<void>): Promise<void> {
    const killed = new Promise<never>((_, reject) => {
      this.#kill.signal.addEventListener('abort', () => reject(this.#kill.signal.reason), { once: true });
    });
    let exitstatus: string;
    const working = this.#work(work);
    try {
      await Promise.race([working, killed]);
      exitstatus = this.#warnings > 0 ? `WARNINGS: ${this.#warnings}` : 'OK';
      this.log.push(`TASK ${exitstatus}`);
    } catch (error) {
      if (error instanceof WorkerKilled || error instanceof WorkerExit) {
        exitstatus = 'unexpected status';
      } else {
        exitstatus = taskMessage(error).trimEnd().replaceAll('\n', ' ');
        this.log.push(`TASK ERROR: ${exitstatus}`);
      }
    }
    // What a killed process held, its locks above all, is free when it is gone.
    if (this.#kill.signal.aborted) await Promise.race([working.catch(() => undefined), sleep(LET_GO_MS)]);
    else await sleep(this.#timing.statusLagMs);
    this.endtime = Math.floor(Date.now() / 1000);
    this.exitstatus = exitstatus;
  }

  async #work(work: (worker: Worker) => Promise<void>): Promise<void> {
    const alive = (): void => this.#kill.signal.throwIfAborted();
    await sleep(this.#timing.forkMs);
    alive();
    let taken = false;
    await work({
      upid: this.upid,
      terminated: this.#terminate.signal,
      killed: this.#kill.signal,
      aliveOrThrow: alive,
      takeInterrupt: () => {
        if (taken || !this.#terminate.signal.aborted) return false;
        taken = true;
        return true;
      },
      log: (line) => {
        alive();
        this.log.push(line);
      },
      warn: (line) => {
        alive();
        this.#warnings += 1;
        this.log.push(line);
      },
    });
  }
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
}
