import {
  ProxmoxError,
  taskOutcome,
  type TaskPoll,
  type TaskStatus,
  type Upid,
  upidSchema,
} from '@tacet/proxmox';
import type { Clock } from '@tacet/runtime';
import { Failure } from '../failure.ts';
import type { GuestMarks, NodePort, NodesPort, StartedTask, TaskType } from '../jobs/ports.ts';

/** What one task shows, poll by poll, or how a poll fails; a function runs before its poll is answered. */
export type Script = readonly (string | string[] | ProxmoxError | (() => void | Promise<void>))[];

export const lines = {
  start: 'INFO: Starting Backup of VM 101 (lxc)',
  snapshotMode: 'INFO: backup mode: snapshot',
  suspendMode: 'INFO: backup mode: suspend',
  stopMode: 'INFO: backup mode: stop',
  fallback: "INFO: trying 'suspend' mode instead",
  archive: "INFO: creating vzdump archive '/var/lib/vz/dump/vzdump-lxc-101-2026_01_01-00_00_00.tar.zst'",
  lockFailed: "ERROR: can't acquire lock '/var/run/vzdump.lock' (wait = 0)",
  snapshotFailed: "ERROR: Backup of VM 101 failed - unable to create snapshot 'vzdump'",
  ok: 'TASK OK',
} as const;

export const goodBackup: Script = [lines.start, lines.snapshotMode, [], lines.archive, lines.ok];
export const busyNode: Script = [lines.lockFailed];

/** A node whose tasks follow a script. What it is asked stands in `journal`, among what others write there. */
export class FakeNode implements NodePort {
  readonly name = 'pve1';
  readonly backupStorage = 'local';
  readonly pollMs = 20;
  canRestore = true;
  snapshots: () => boolean = () => true;
  content: readonly string[] = ['backup'];
  notes: string | undefined;
  left: GuestMarks = { lock: undefined, snapshots: [] };
  running = false;
  /** One per request, in order. */
  readonly scripts: { script: Script; exitstatus: string }[] = [];
  /** Called at each request for a backup or a restore: throw to refuse. */
  onRequest: () => void = () => undefined;
  onNotes: () => void = () => undefined;
  readonly journal: string[];
  readonly #clock: Clock;
  readonly #tasks: StartedTask[] = [];

  constructor(clock: Clock, journal: string[]) {
    this.#clock = clock;
    this.journal = journal;
  }

  will(script: Script, exitstatus = 'OK'): this {
    this.scripts.push({ script, exitstatus });
    return this;
  }

  canSnapshot = async (): Promise<boolean> => this.snapshots();
  storageContent = async (): Promise<readonly string[]> => this.content;
  backupAttributes = async (): Promise<{ sizeBytes: number; notes: string }> => ({
    sizeBytes: 1234,
    notes: this.notes ?? '',
  });
  restoreStorage = async (): Promise<string> => 'btr';

  async setNotes(_volid: string, notes: string): Promise<void> {
    this.onNotes();
    this.notes = notes;
  }

  async startBackup(): Promise<StartedTask> {
    this.journal.push('post');
    this.onRequest();
    return this.begin();
  }

  async ownTasks(): Promise<readonly StartedTask[]> {
    return [...this.#tasks];
  }

  task(_type: TaskType, upid: string): StartedTask {
    const found = this.#tasks.find((task) => task.upid === upid);
    if (found === undefined) throw new Error(`no task ${upid}`);
    return found;
  }

  marks = async (): Promise<GuestMarks> => this.left;
  isRunning = async (): Promise<boolean> => this.running;

  async startRestore(order: { vmid: number; storage: string }): Promise<StartedTask> {
    this.journal.push(`restore ${order.vmid} on ${order.storage}`);
    this.onRequest();
    return this.begin();
  }

  async startGuest(vmid: number): Promise<StartedTask> {
    this.journal.push(`start ${vmid}`);
    return this.begin();
  }

  /** As the node does it, whether or not anybody hears of it. */
  begin(): StartedTask {
    const next = this.scripts.shift() ?? { script: [], exitstatus: 'OK' };
    const serial = (this.#tasks.length + 1).toString(16).padStart(8, '0').toUpperCase();
    const upid = upidSchema.parse(`UPID:pve1:${serial}:00000001:6B02FBC4:vzdump:101:tacet@pve!backup:`);
    const task = this.#task(upid, next.script, next.exitstatus);
    this.#tasks.push(task);
    return task;
  }

  #task(upid: Upid, script: Script, exitstatus: string): StartedTask {
    const status: TaskStatus = {
      upid,
      type: 'vzdump',
      id: '101',
      status: 'stopped',
      exitstatus,
      startedAtMs: 0,
    };
    const texts = script.flatMap((step) =>
      typeof step === 'function' || step instanceof ProxmoxError ? [] : step,
    );
    return {
      upid,
      follow: (options) => this.#polls(script, status, options),
      wait: async () =>
        taskOutcome(
          status,
          texts.map((text, index) => ({ n: index + 1, text })),
        ),
    };
  }

  async *#polls(
    script: Script,
    status: TaskStatus,
    { signal, onPollError }: Parameters<StartedTask['follow']>[0],
  ): AsyncGenerator<TaskPoll> {
    let n = 0;
    for (const step of script) {
      if (typeof step === 'function') {
        await step();
        continue;
      }
      if (step instanceof ProxmoxError) {
        onPollError?.(step);
        continue;
      }
      const shown = [step].flat();
      for (const text of shown) if (text === lines.archive) this.journal.push('snapshot seen');
      yield this.#poll(shown.map((text) => ({ n: ++n, text })));
      await this.#clock.sleep(this.pollMs, signal);
    }
    yield { ...this.#poll([]), status };
  }

  #poll(shown: TaskPoll['lines']): TaskPoll {
    const atMs = this.#clock.monotonicMs();
    return { sentAtMs: atMs, receivedAtMs: atMs, lines: shown };
  }
}

/** One node with guest 101 and whatever else is named. */
export function fakeNodes(node: NodePort, vmids: readonly number[] = [101]): NodesPort {
  return {
    locate: async (vmid) => {
      if (vmids.includes(vmid)) return node;
      throw new Failure('not-found', `no configured node shows a guest ${vmid}`);
    },
    byName: () => node,
    exists: async (vmid) => vmids.includes(vmid),
  };
}
