import type { NodeClock } from '../world.ts';
import { Task, type TaskTiming, type Worker } from './task.ts';

/** All tasks of the cluster, newest last. */
export class TaskRegistry {
  readonly #tasks = new Map<string, Task>();
  readonly #timing: TaskTiming;
  readonly #clock: NodeClock;
  #pid = 1_000;

  constructor(timing: TaskTiming, clock: NodeClock) {
    this.#timing = timing;
    this.#clock = clock;
  }

  fork(node: string, type: string, id: string, user: string, work: (worker: Worker) => Promise<void>): Task {
    this.#pid += 1 + Math.floor(Math.random() * 9);
    const starttime = Math.floor(this.#clock.nowMs() / 1000);
    const pstart = Math.floor(process.uptime() * 100) + 100_000;
    const task = new Task({ node, pid: this.#pid, pstart, starttime, type, id, user }, this.#timing, work);
    this.#tasks.set(task.text, task);
    return task;
  }

  get(upid: string): Task | undefined {
    return this.#tasks.get(upid);
  }

  all(): Task[] {
    return [...this.#tasks.values()];
  }
}
