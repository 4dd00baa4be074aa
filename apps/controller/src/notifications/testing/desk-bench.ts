import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Backup, ChannelInput, Operation, Verdict } from '@tacet/protocol';
import { channelInputSchema } from '@tacet/protocol';
import { createLogger, type LogRecord, ManualClock, systemClock, Undo } from '@tacet/runtime';
import { KeyRing } from '@tacet/runtime/sealing';
import { EventLog } from '../../event-log.ts';
import { Roster } from '../../gateway/roster.ts';
import { hashSecret, newSecret } from '../../secrets.ts';
import { openStore, type Store } from '../../store/open-store.ts';
import { type NotificationConfig, notificationConfigSchema } from '../config.ts';
import { NotificationDesk } from '../notification-desk.ts';
import { listen, type Listener, type Reply, type Heard } from './listener.ts';

/** A desk over a store on disk that can be opened again, with a clock that stands still until it is told to move. */
export class DeskBench implements AsyncDisposable {
  readonly clock = new ManualClock();
  readonly log: LogRecord[] = [];
  readonly outcomes: string[] = [];
  readonly roster = new Roster();
  keys = KeyRing.create();
  store!: Store;
  events!: EventLog;
  desk!: NotificationDesk;
  readonly #directory: string;
  readonly #undo = new Undo();
  #operations = 0;

  private constructor(directory: string) {
    this.#directory = directory;
    this.#undo.defer(() => rm(directory, { recursive: true }));
  }

  /** Of its store. */
  get path(): string {
    return join(this.#directory, 'controller.db');
  }

  static async open(config: Partial<NotificationConfig> = {}): Promise<DeskBench> {
    const bench = new DeskBench(await mkdtemp(join(tmpdir(), 'tacet-desk-')));
    await bench.start(config);
    return bench;
  }

  async start(config: Partial<NotificationConfig> = {}): Promise<void> {
    const { clock } = this;
    const log = createLogger({ sink: (record) => void this.log.push(record), level: 'debug', clock });
    this.store = await openStore(this.path);
    this.events = new EventLog({ events: this.store.events, clock, log });
    this.desk = await NotificationDesk.open({
      store: this.store,
      events: this.events,
      roster: this.roster,
      isBusy: () => false,
      keys: this.keys,
      config: notificationConfigSchema.parse(config),
      version: '1.2.3',
      origin: () => 'https://tacet.example',
      clock,
      log,
      random: () => 0.5,
      onAttempt: (channel, outcome) => void this.outcomes.push(`${channel} ${outcome}`),
    });
    this.desk.begin();
  }

  async stop(): Promise<void> {
    await this.desk[Symbol.asyncDispose]();
    await this.store[Symbol.asyncDispose]();
  }

  async listen(reply?: (heard: Heard) => Reply): Promise<Listener> {
    const listener = await listen(reply);
    this.#undo.defer(() => listener[Symbol.asyncDispose]());
    return listener;
  }

  async put(name: string, channel: unknown): Promise<void> {
    const input: ChannelInput = channelInputSchema.parse(channel);
    await this.desk.put(name, input);
  }

  /** A webhook that waits for nobody else. */
  async webhook(name: string, listener: Listener, more: object = {}): Promise<void> {
    await this.put(name, { kind: 'webhook', secrets: { url: listener.url }, groupMs: 0, ...more });
  }

  async enrol(vmid: number): Promise<void> {
    const credentialHash = hashSecret(newSecret());
    await this.store.guests.enrol({ id: `guest-${vmid}`, vmid, credentialHash, now: this.clock.now() });
  }

  /** An operation that has ended, as the controller writes it down. */
  async ended(
    vmid: number,
    how: Partial<Operation> & { consistency?: Verdict['consistency'] } = {},
  ): Promise<string> {
    const { consistency, ...more } = how;
    const at = this.clock.now();
    const id = `operation-${(this.#operations += 1)}`;
    const state = more.error == null ? 'succeeded' : 'failed';
    const operation: Operation = {
      id,
      kind: 'backup',
      vmid,
      state: 'running',
      startedAt: at,
      finishedAt: null,
      steps: [],
      backup: null,
      restoredTo: null,
      error: null,
      ...more,
    };
    await this.store.operations.create(operation);
    if (consistency !== undefined) {
      await this.store.backups.create(backupOf(operation, consistency, at), 'local');
    }
    await this.store.operations.finish(id, { at, restoredTo: null, error: operation.error });
    const data = { operationId: id, kind: operation.kind, state };
    await this.events.record('operation.finished', 'it ended', { guestId: null, vmid }, data);
    return id;
  }

  /** Until it is so; time goes on meanwhile where `stepMs` says so. */
  async until(isSo: () => boolean | Promise<boolean>, stepMs = 0): Promise<void> {
    while (!(await isSo())) {
      if (stepMs > 0) await this.clock.advance(stepMs);
      await systemClock.sleep(5);
    }
  }

  /** Until everything that has happened is judged, and nothing that is due is left to send. */
  async settled(): Promise<void> {
    const { notificationNews: news, events } = this.store;
    await this.until(async () => (await news.cursor()) === (await events.newest()));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
    await this.#undo[Symbol.asyncDispose]();
  }
}

function backupOf({ id, vmid, kind }: Operation, consistency: Verdict['consistency'], at: number): Backup {
  return {
    id: `backup-of-${id}`,
    operationId: id,
    vmid,
    node: 'pve1',
    volid: `local:backup/vzdump-lxc-${vmid}.tar.zst`,
    sizeBytes: null,
    startedAt: at,
    finishedAt: at,
    origin: kind === 'restore' ? 'restore' : 'controller',
    verdict: {
      consistency,
      reason: consistency === 'app' ? 'HeldAcrossSnapshot' : 'NotHeld',
      message: consistency === 'app' ? 'everything was held' : 'no agent of this guest is connected',
      proof: null,
      services: [],
      uncovered: [],
    },
  };
}
