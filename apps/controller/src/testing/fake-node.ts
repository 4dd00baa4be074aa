import {
  guestRole,
  type LxcConfig,
  parseArchivedConfig,
  ProxmoxError,
  type Snapshot,
  taskOutcome,
  type TaskPoll,
  type TaskStatus,
  type Upid,
  upidSchema,
} from '@tacet/proxmox';
import type { Clock } from '@tacet/runtime';
import { Failure } from '../failure.ts';
import type {
  BackupOrder,
  GuestMarks,
  HeldGrants,
  NodePort,
  NodesPort,
  RestoreCall,
  StartedTask,
  TaskType,
} from '../jobs/ports.ts';

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
  canBeSnapshotted: () => boolean = () => true;
  content: readonly string[] = ['backup'];
  enabled = true;
  /** Of what a backup takes; throw where the node shall not say. */
  lacks: () => readonly string[] = () => [];
  notes: string | undefined;
  left: GuestMarks = { lock: undefined, snapshots: [] };
  running = false;
  /** Of the backup, and of the guest that a restore of it has made. */
  archived: LxcConfig = configOf({});
  restored: LxcConfig = configOf({});
  available = 1_000_000_000_000;
  listed: Snapshot[] = [];
  backingUp: () => boolean = () => false;
  readonly orders: BackupOrder[] = [];
  /** One per request, in order. */
  readonly scripts: { script: Script; exitstatus: string }[] = [];
  /** Called at each request for a backup or a restore: throw to refuse. */
  onRequest: () => void | Promise<void> = () => undefined;
  onNotes: () => void = () => undefined;
  /** Called when a task is to be stopped: throw to refuse. */
  onStop: () => void | Promise<void> = () => undefined;
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

  canSnapshot = async (): Promise<boolean> => this.canBeSnapshotted();
  storageStatus = async (): Promise<{ content: string[]; enabled: boolean }> => ({
    content: [...this.content],
    enabled: this.enabled,
  });
  grantsOn = async (paths: readonly string[]): Promise<HeldGrants> => {
    const all = guestRole.privileges.filter((privilege) => !this.lacks().includes(privilege));
    const held = Object.fromEntries(all.map((privilege) => [privilege, true]));
    return {
      tokenId: 'tacet@pve!guest-101',
      permissions: Object.fromEntries(paths.map((path) => [path, held])),
    };
  };
  backupAttributes = async (): Promise<{ sizeBytes: number; notes: string }> => ({
    sizeBytes: 1234,
    notes: this.notes ?? '',
  });
  restoreStorage = async (): Promise<string> => 'btr';

  async setNotes(_volid: string, notes: string): Promise<void> {
    this.onNotes();
    this.notes = notes;
  }

  async startBackup(order: BackupOrder): Promise<StartedTask> {
    this.journal.push('post');
    this.orders.push(order);
    await this.onRequest();
    return this.begin();
  }

  storageIsShared = async (): Promise<boolean> => false;
  isBackingUp = async (): Promise<boolean> => this.backingUp();

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

  async startRestore(call: RestoreCall): Promise<StartedTask> {
    const { vmid, storage, replace, overrides } = call;
    const how = [...(replace === true ? ['over it'] : []), ...Object.values(overrides ?? {})];
    this.journal.push([`restore ${vmid} on ${storage}`, ...how].join(', '));
    await this.onRequest();
    return this.begin();
  }

  async tagGuest(vmid: number, tags: string): Promise<void> {
    this.journal.push(`tag ${vmid} ${tags}`);
  }

  isFree = async (): Promise<boolean> => true;
  guestConfig = async (): Promise<LxcConfig> => this.restored;
  archivedConfig = async (): Promise<LxcConfig> => this.archived;
  availableBytes = async (): Promise<number> => this.available;
  snapshots = async (): Promise<readonly Snapshot[]> => this.listed;

  async shutDownGuest(vmid: number): Promise<StartedTask> {
    this.journal.push(`stop ${vmid}`);
    return this.begin();
  }

  async destroyGuest(vmid: number): Promise<StartedTask> {
    this.journal.push(`destroy ${vmid}`);
    return this.begin();
  }

  async takeSnapshot(_vmid: number, { name }: { name: string }): Promise<StartedTask> {
    this.journal.push(`snapshot ${name}`);
    await this.onRequest();
    return this.begin();
  }

  async rollBack(vmid: number, name: string): Promise<StartedTask> {
    this.journal.push(`rollback ${vmid} to ${name}`);
    await this.onRequest();
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
      stop: async () => {
        this.journal.push('stop task');
        await this.onStop();
      },
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

/** As a backup of an ordinary guest says it; `changes` line by line over that. */
export function configOf(changes: Readonly<Record<string, string>>): LxcConfig {
  const ordinary = {
    unprivileged: '1',
    features: 'keyctl=1,nesting=1',
    rootfs: 'btr:101/vm-101-disk-0.raw,size=2G',
    net0: 'name=eth0,bridge=vmbr0,gw=10.0.0.1,hwaddr=BC:24:11:00:00:01,ip=10.0.0.5/24,type=veth',
  };
  const entries = Object.entries({ ...ordinary, ...changes });
  return parseArchivedConfig(entries.map(([key, value]) => `${key}: ${value}\n`).join(''));
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
