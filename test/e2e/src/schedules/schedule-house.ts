import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Controller, parseConfig, startController } from '@tacet/controller';
import { enrolAgent, ApiClient, FakeAgent, fakeIncarnation, FakeQuiesce } from '@tacet/controller/testing';
import { type ScheduleRun, scheduleRunListSchema } from '@tacet/protocol';
import { guestRole, connect, type ProxmoxClient, type Upid, waitForTask } from '@tacet/proxmox';
import { type LockMoment, type PveSim, startPveSim } from '@tacet/pve-sim';
import { type Clock, createLogger, jsonSink, systemClock, Undo } from '@tacet/runtime';
import { GatedBackend } from '../recovery/gated-backend.ts';

/** For a foreign backup to end. */
const waitMs = 400_000;

export interface HouseOptions {
  /** Which guests are on which node; the controller may back them up. */
  readonly nodes: Readonly<Record<string, readonly number[]>>;
  /** Guests of somebody else, one on each node, in the same order. */
  readonly foreign: readonly number[];
  /** Below `/`, for the controller's token, besides what it needs of its guests. */
  readonly alsoGranted?: readonly { path: string; role: string }[];
  readonly tags?: Readonly<Record<number, string>>;
}

/** Its wall clock stands still until it is let go: nothing is due before the test is ready for it. */
class HeldClock implements Clock {
  readonly #at: number;
  #goneOnMs: number | undefined;

  constructor(at: number) {
    this.#at = at;
  }

  go(): void {
    this.#goneOnMs = systemClock.monotonicMs();
  }

  now(): number {
    const passedMs = this.#goneOnMs === undefined ? 0 : systemClock.monotonicMs() - this.#goneOnMs;
    return Math.floor(this.#at + passedMs);
  }

  monotonicMs(): number {
    return systemClock.monotonicMs();
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return systemClock.sleep(ms, signal);
  }
}

/** A cluster with guests, agents that write down what is asked of them, and a controller just before two at night. */
export class ScheduleHouse implements AsyncDisposable {
  readonly sim: PveSim;
  readonly backend: GatedBackend;
  readonly api: ApiClient;
  readonly controller: Controller;
  /** What agents were asked for and what became of locks, in order: `101 hold`, `101 lock-taken pve1`, … */
  readonly journal: string[];
  readonly log: string[];
  readonly clock: HeldClock;
  readonly quiesces = new Map<number, FakeQuiesce>();
  /** Called at every moment of a lock, when it is in the journal. */
  onLock: (moment: LockMoment) => void = () => undefined;
  readonly #undo: Undo;
  readonly #others: ProxmoxClient;

  private constructor(parts: Parts) {
    this.sim = parts.sim;
    this.backend = parts.backend;
    this.api = parts.api;
    this.controller = parts.controller;
    this.journal = parts.journal;
    this.log = parts.log;
    this.clock = parts.clock;
    this.#undo = parts.undo;
    const { url, fingerprint } = parts.sim;
    const token = parts.sim.createToken('root@pam', { tokenid: 'others', privsep: false });
    this.#others = connect({ url, token, trust: { fingerprint } });
    this.#undo.defer(() => this.#others.close());
  }

  static async open({ nodes, foreign, alsoGranted = [], tags = {} }: HouseOptions): Promise<ScheduleHouse> {
    await using undo = new Undo();
    const directory = await mkdtemp(join(tmpdir(), 'tacet-schedules-'));
    undo.defer(() => rm(directory, { recursive: true }));
    const names = Object.keys(nodes);
    const own = Object.entries(nodes).flatMap(([node, vmids]) => vmids.map((vmid) => ({ node, vmid })));
    const others = foreign.map((vmid, index) => ({ node: names[index] ?? '', vmid }));
    const backend = new GatedBackend({
      guests: [...own, ...others].map((guest) => ({ ...guest, config: guestConfig(guest.vmid, tags) })),
      stepMs: 20,
    });
    const journal: string[] = [];
    const told: { house?: ScheduleHouse } = {};
    const sim = await startPveSim({
      backend,
      nodes: names,
      storages: [
        { storage: 'local', type: 'dir', content: ['backup'], path: '/var/lib/vz' },
        { storage: 'btr', type: 'btrfs', content: ['rootdir', 'images'], path: '/mnt/btr' },
      ],
      users: [{ userid: 'tacet@pve', tokens: [{ tokenid: 'backup', secret: 'backup-secret' }] }],
      roles: { [guestRole.role]: guestRole.privileges },
      acl: ['tacet@pve', 'tacet@pve!backup'].flatMap((to) => [
        ...own.map(({ vmid }) => ({ path: `/vms/${vmid}`, role: guestRole.role, to })),
        { path: '/storage/local', role: guestRole.role, to },
        ...alsoGranted.map((grant) => ({ ...grant, to })),
      ]),
      bridges: ['vmbr0'],
      timing: { forkMs: 5, statusLagMs: 5 },
      onLock: (moment) => {
        for (const vmid of moment.vmids) journal.push(`${vmid} lock-${moment.kind} ${moment.node}`);
        told.house?.onLock(moment);
      },
    });
    undo.defer(() => sim[Symbol.asyncDispose]());
    await writeFile(join(directory, 'backup'), 'backup-secret\n', { mode: 0o600 });
    const log: string[] = [];
    const clock = new HeldClock(Date.UTC(2026, 5, 2, 1, 59, 59));
    const controller = await startController({
      config: parseConfig({
        listen: { address: '127.0.0.1', port: 0 },
        stateDir: join(directory, 'state'),
        nodes: names.map((name) => ({
          name,
          url: sim.url,
          trust: { fingerprint: sim.fingerprint },
          simulated: true,
          backupToken: { id: 'tacet@pve!backup', secretFile: join(directory, 'backup') },
          storage: 'local',
          pollMs: 20,
        })),
        // Longer than the test, however slow the machine: what is thawed was thawed, and no lease was over.
        leaseMs: 600_000,
        maxHoldMs: 600_000,
        prepareDeadlineMs: 600_000,
        holdDeadlineMs: 600_000,
      }),
      log: createLogger({ sink: jsonSink((line) => log.push(line)), level: 'debug' }),
      clock,
      // Retries come soon.
      random: () => 0.01,
    });
    undo.defer(() => controller[Symbol.asyncDispose]());
    const api = await ApiClient.of(controller.clientFile);
    const kept = undo.release();
    const house = new ScheduleHouse({ sim, backend, api, controller, journal, log, clock, undo: kept });
    told.house = house;
    for (const { vmid } of own) await house.#connectAgent(vmid);
    return house;
  }

  /** Asks a node for a backup as somebody else does; resolves with what waits for its end. */
  async startForeign(vmid: number, node: string): Promise<() => Promise<void>> {
    const options = { vmid, storage: 'local', mode: 'snapshot', lockwaitMinutes: 180 } as const;
    const upid: Upid = await this.#others.vzdump.start(node, options);
    const signal = AbortSignal.timeout(waitMs);
    return async () => {
      await waitForTask(this.#others.tasks, upid, { signal, pollMs: 20, deadlineMs: waitMs });
    };
  }

  /** Of the one vzdump of a guest that there was. */
  async taskLog(vmid: number): Promise<string> {
    const [node = ''] =
      this.journal
        .find((entry) => entry.startsWith(`${vmid} lock-taken`))
        ?.split(' ')
        .slice(2) ?? [];
    const [task] = await this.#others.tasks.list(node, { type: 'vzdump', vmid, source: 'all' });
    if (task === undefined) throw new Error(`no vzdump of guest ${vmid}`);
    return (await this.#others.tasks.log(task.upid)).map(({ text }) => text).join('\n');
  }

  /** Of a schedule, oldest first. */
  async runs(name: string): Promise<ScheduleRun[]> {
    const path = `/api/v1/schedules/${name}/runs?limit=1000`;
    return (await this.api.expect(scheduleRunListSchema, 'GET', path)).runs.toReversed();
  }

  /** Of the journal, what is about one guest. */
  story(vmid: number): string[] {
    return this.journal
      .filter((entry) => entry.startsWith(`${vmid} `))
      .map((entry) => entry.split(' ')[1] ?? '');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#undo[Symbol.asyncDispose]();
  }

  async #connectAgent(vmid: number): Promise<void> {
    const { agentUrl: url, fingerprint } = this.controller;
    const incarnation = fakeIncarnation(vmid, `bc:24:11:00:00:${(vmid % 256).toString(16).padStart(2, '0')}`);
    const credential = await enrolAgent(this.api, vmid, incarnation);
    const quiesce = new FakeQuiesce(this.clock);
    this.quiesces.set(vmid, quiesce);
    const agent = await FakeAgent.connect({
      url,
      fingerprint,
      credential,
      incarnation,
      answer: (method, params) => {
        this.journal.push(`${vmid} ${method}`);
        return quiesce.answer(method, params);
      },
    });
    this.#undo.defer(() => agent[Symbol.asyncDispose]());
    await agent.next('welcome');
  }
}

interface Parts {
  readonly sim: PveSim;
  readonly backend: GatedBackend;
  readonly api: ApiClient;
  readonly controller: Controller;
  readonly journal: string[];
  readonly log: string[];
  readonly clock: HeldClock;
  readonly undo: Undo;
}

function guestConfig(vmid: number, tags: HouseOptions['tags']): Record<string, string | number> {
  const tagged = tags?.[vmid];
  return {
    hostname: `ct${vmid}`,
    unprivileged: 1,
    rootfs: `btr:${vmid}/vm-${vmid}-disk-0.raw,size=2G`,
    net0: 'name=eth0,bridge=vmbr0,type=veth',
    arch: 'amd64',
    memory: 512,
    ostype: 'debian',
    ...(tagged !== undefined && { tags: tagged }),
  };
}
