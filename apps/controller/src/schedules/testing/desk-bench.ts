import {
  type Backup,
  type BackupOptions,
  type Operation,
  type ScheduleInput,
  scheduleSchema,
} from '@tacet/protocol';
import { ManualClock, silentLogger } from '@tacet/runtime';
import { setImmediate } from 'node:timers/promises';
import { EventLog } from '../../event-log.ts';
import type { Failure } from '../../failure.ts';
import { newOperation } from '../../jobs/operation-record.ts';
import type { NodeGuests } from '../../nodes/list-guests.ts';
import type { KnownGuest } from '../../store/known-guests.ts';
import { openStore, type Store } from '../../store/open-store.ts';
import { FakeNode } from '../../testing/fake-node.ts';
import type { DrillEnd } from '../../store/drills.ts';
import { storedBackup } from '../../testing/stored-backup.ts';
import { ScheduleDesk, type ScheduleDeskOptions } from '../schedule-desk.ts';

interface Started {
  readonly vmid: number;
  readonly options: Partial<BackupOptions>;
  readonly id: string;
}

interface End {
  readonly error?: Operation['error'];
  readonly consistency?: 'app' | 'crash';
}

/** Operations that run until the test ends them. */
export class FakeOperations {
  readonly started: Started[] = [];
  readonly known = new Map<string, Operation>();
  /** Called before one begins: throw to refuse. */
  onBackup: () => void = () => undefined;
  readonly busy = new Set<number>();

  running = (): Operation[] => [...this.known.values()].filter(({ state }) => state === 'running');
  isBusy = (vmid: number): boolean =>
    this.busy.has(vmid) || this.running().some((operation) => operation.vmid === vmid);
  get = async (id: string): Promise<Operation | undefined> => this.known.get(id);

  readonly drilled: { readonly backup: Backup; readonly id: string }[] = [];
  /** Called before one begins: throw to refuse. */
  onDrill: (backup: Backup) => void = () => undefined;

  drill = async (backup: Backup, _signal: AbortSignal, id = ''): Promise<Operation> => {
    this.onDrill(backup);
    this.drilled.push({ backup, id });
    const operation = newOperation(id, 'drill', backup.vmid, 0);
    this.known.set(id, operation);
    return operation;
  };

  backup = async (vmid: number, options: Partial<BackupOptions> = {}, id = ''): Promise<Operation> => {
    this.onBackup();
    this.started.push({ vmid, options, id });
    const operation = newOperation(id, 'backup', vmid, 0);
    this.known.set(id, operation);
    return operation;
  };
}

const STEP_MS = 600_000;

/** A desk on a clock, a store and nodes that the test owns. */
export class DeskBench implements AsyncDisposable {
  readonly clock: ManualClock;
  readonly store: Store;
  /** Another one stands for another process. */
  operations = new FakeOperations();
  readonly away = new Set<number>();
  guests: KnownGuest[] = [];
  /** What is wrong with the one node that shows them. */
  trouble: string | undefined;
  shared = false;
  looks = 0;
  #made = 0;
  /** Before the node shows its guests. */
  onLook: () => Promise<void> = async () => undefined;
  #desk: ScheduleDesk | undefined;

  private constructor(clock: ManualClock, store: Store) {
    this.clock = clock;
    this.store = store;
  }

  /** @param own a store to work on, which is closed with the bench; one in memory when undefined */
  static async open(at: string, guests: readonly KnownGuest[], own?: Store): Promise<DeskBench> {
    const clock = new ManualClock(Date.parse(at));
    const store = own ?? (await openStore(':memory:'));
    const bench = new DeskBench(clock, store);
    bench.guests = [...guests];
    await bench.start();
    return bench;
  }

  get desk(): ScheduleDesk {
    if (this.#desk === undefined) throw new Error('the desk is closed');
    return this.#desk;
  }

  async start(): Promise<void> {
    this.#desk = await ScheduleDesk.open(this.#options());
    await this.clock.whenSleeping();
  }

  /** As a process ends: nothing is told of anything any more. */
  async stop(): Promise<void> {
    await this.desk[Symbol.asyncDispose]();
  }

  async restart(downMs = 0): Promise<void> {
    await this.stop();
    await this.clock.advance(downMs);
    await this.start();
  }

  async put(input: Partial<ScheduleInput> = {}): Promise<void> {
    const schedule = scheduleSchema.parse({
      name: 'nightly',
      guests: { include: { all: true } },
      when: { event: '02:00', timeZone: 'UTC' },
      ...input,
    });
    await this.desk.put(schedule);
    await this.settle();
  }

  /** Until the scheduler has done what it was woken for. */
  async settle(): Promise<void> {
    for (let turn = 0; turn < 5; turn++) await setImmediate();
    await this.clock.whenSleeping();
  }

  async until(at: string): Promise<void> {
    await this.pass(Date.parse(at) - this.clock.now());
  }

  /** In steps, so that what happens in between happens at its time. */
  async pass(ms: number): Promise<void> {
    for (let left = ms; left > 0; left -= STEP_MS) {
      await this.clock.advance(Math.min(left, STEP_MS));
      await this.settle();
    }
  }

  get begun(): number[] {
    return this.operations.started.map(({ vmid }) => vmid);
  }

  /** Ends the backup of a guest that is under way. */
  async end(vmid: number, end: End = {}): Promise<void> {
    this.desk.ended(this.endUntold(vmid, end));
    await this.settle();
  }

  /** A backup of a guest that was made now. */
  async backUp(vmid: number, node: string, origin: Backup['origin'] = 'controller'): Promise<Backup> {
    this.#made += 1;
    const now = this.clock.now() + this.#made;
    const ids = { id: `b${this.#made}`, operationId: `made-${this.#made}` };
    const backup = { ...storedBackup, ...ids, vmid, node, origin, finishedAt: now };
    await this.store.operations.create(newOperation(ids.operationId, 'backup', vmid, now));
    await this.store.backups.create(backup, 'local');
    return backup;
  }

  /** Ends the drill of a guest that is under way. */
  async endDrill(vmid: number, outcome: DrillEnd['outcome'], message: string): Promise<void> {
    const { drilled, known } = this.operations;
    const one = drilled.findLast(({ backup }) => backup.vmid === vmid);
    const operation = known.get(one?.id ?? '');
    if (one === undefined || operation === undefined) throw new Error(`no drill of ${vmid} is under way`);
    const { backup, id: operationId } = one;
    const end = { finishedAt: this.clock.now(), outcome, readyAfterMs: null, message };
    await this.store.operations.create(operation);
    const drill = { operationId, backupId: backup.id, vmid, node: backup.node, scratchVmid: 900 };
    await this.store.drills.begin({ ...drill, startedAt: this.clock.now() });
    await this.store.drills.finish(operationId, end);
    const error = outcome === 'proven' ? null : refusal('restore-failed', message);
    const state = error === null ? 'succeeded' : 'failed';
    const ended: Operation = { ...operation, state, finishedAt: this.clock.now(), error };
    known.set(operationId, ended);
    this.desk.ended(ended);
    await this.settle();
  }

  /** Ends a backup while nobody listens. */
  endUntold(vmid: number, { error = null, consistency = 'app' }: End = {}): Operation {
    const { operations } = this;
    const operation = operations.running().find((running) => running.vmid === vmid);
    if (operation === undefined) throw new Error(`no backup of ${vmid} is under way`);
    const ended: Operation = {
      ...operation,
      state: error === null ? 'succeeded' : 'failed',
      finishedAt: this.clock.now(),
      backup: error === null && operation.kind === 'backup' ? backupOf(operation, consistency) : null,
      error,
    };
    operations.known.set(operation.id, ended);
    return ended;
  }

  /** `101 queued`, `102 missed`, … of a schedule, oldest first. */
  async states(name = 'nightly'): Promise<string[]> {
    const runs = await this.desk.runs(name, 1000);
    return runs.toReversed().map(({ vmid, state }) => `${vmid} ${state}`);
  }

  async events(type: string): Promise<string[]> {
    const events = await this.store.events.after(0, 1000);
    return events.filter((event) => event.type === type).map(({ message }) => message);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
    await this.store[Symbol.asyncDispose]();
  }

  #options(): ScheduleDeskOptions {
    const { clock, store, operations } = this;
    const node = new FakeNode(clock, []);
    node.storageIsShared = async () => this.shared;
    return {
      store,
      operations,
      clock,
      log: silentLogger,
      scratch: { from: 900, to: 909 },
      events: new EventLog({ events: store.events, clock, log: silentLogger }),
      agents: { presence: (vmid) => (this.away.has(vmid) ? 'not-connected' : 'connected') },
      nodes: { byName: () => node, guests: () => this.#shown() },
    };
  }

  async #shown(): Promise<NodeGuests[]> {
    this.looks += 1;
    await this.onLook();
    const guests = this.trouble === undefined ? this.guests : [];
    return [{ through: 'pve1', guests, incompleteBecause: this.trouble }];
  }
}

export function guestOn(node: string, vmid: number, more: Partial<KnownGuest> = {}): KnownGuest {
  return { vmid, name: `ct${vmid}`, tags: [], pool: undefined, node, storage: 'local', ...more };
}

export function refusal(code: Failure['code'], message: string): NonNullable<Operation['error']> {
  return { code, message, retryable: false };
}

function backupOf({ id, vmid }: Operation, consistency: 'app' | 'crash'): Backup {
  const verdict = {
    consistency,
    reason: 'Test',
    message: 'as the test has it',
    proof: null,
    services: [],
    uncovered: [],
  };
  return {
    id: `backup-${id}`,
    operationId: id,
    vmid,
    node: 'pve1',
    volid: 'local:backup/x',
    sizeBytes: 1,
    startedAt: 0,
    finishedAt: 0,
    origin: 'controller',
    verdict,
  };
}
