import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import {
  ApiClient,
  enrolAgent,
  FakeAgent,
  fakeIncarnation,
  FakeQuiesce,
  fakeStatus,
} from '@tacet/controller/testing';
import { ControllerProcess } from '@tacet/demo';
import { type Backup, backupListSchema, type Operation, operationListSchema } from '@tacet/protocol';
import { connect, type ListedTask, type ProxmoxClient } from '@tacet/proxmox';
import { type PveSim, startPveSim } from '@tacet/pve-sim';
import { systemClock, Undo } from '@tacet/runtime';
import { GatedBackend } from './gated-backend.ts';

const SELF = ['VM.Audit', 'VM.Snapshot', 'VM.Backup', 'Datastore.AllocateSpace', 'Datastore.Audit'];
const SCRATCH = ['VM.Allocate', 'VM.PowerMgmt', 'VM.Config.Network', 'VM.Config.Options'];
const OPERATOR = [...SELF, ...SCRATCH, 'SDN.Use'];
const waitMs = 30_000;
/** Longer than a test: what is free again was thawed, and did not wait for the end of its lease. */
const leaseMs = 120_000;

const macOf = (vmid: number): string =>
  `bc:24:11:00:${String(Math.trunc(vmid / 100)).padStart(2, '0')}:${vmid % 100}`;

/** A controller that can be killed as processes are, a node that can be held up, and guests that stay. */
export class RecoveryHouse implements AsyncDisposable {
  readonly backend: GatedBackend;
  readonly sim: PveSim;
  readonly #undo: Undo;
  readonly #controller: ControllerProcess;
  readonly #stateDir: string;
  readonly #node: ProxmoxClient;
  readonly #quiesces = new Map<number, FakeQuiesce>();
  readonly #credentials = new Map<number, string>();

  private constructor(parts: {
    backend: GatedBackend;
    sim: PveSim;
    undo: Undo;
    controller: ControllerProcess;
    stateDir: string;
  }) {
    this.backend = parts.backend;
    this.sim = parts.sim;
    this.#undo = parts.undo;
    this.#controller = parts.controller;
    this.#stateDir = parts.stateDir;
    const { url, fingerprint } = parts.sim;
    const token = parts.sim.createToken('root@pam', { tokenid: 'watch', privsep: false });
    this.#node = connect({ url, token, trust: { fingerprint } });
    this.#undo.defer(() => this.#node.close());
  }

  static async open(vmids: readonly number[]): Promise<RecoveryHouse> {
    await using undo = new Undo();
    const directory = await mkdtemp(join(tmpdir(), 'tacet-recovery-'));
    undo.defer(() => rm(directory, { recursive: true }));
    const backend = new GatedBackend({
      guests: vmids.map((vmid) => ({ vmid, config: guestConfig(vmid) })),
      stepMs: 20,
    });
    const sim = await startPveSim({
      backend,
      storages: [
        { storage: 'local', type: 'dir', content: ['backup'], path: '/var/lib/vz' },
        { storage: 'btr', type: 'btrfs', content: ['rootdir', 'images'], path: '/mnt/btr' },
      ],
      users: [
        { userid: 'tacet@pve', tokens: [{ tokenid: 'backup', secret: 'backup-secret' }] },
        { userid: 'op@pve', tokens: [{ tokenid: 'restore', secret: 'restore-secret' }] },
      ],
      roles: { TacetSelf: SELF, TacetOperator: OPERATOR },
      acl: [
        ...['/vms', '/storage/local'].flatMap((path) =>
          ['tacet@pve', 'tacet@pve!backup'].map((to) => ({ path, role: 'TacetSelf', to })),
        ),
        ...['op@pve', 'op@pve!restore'].map((to) => ({ path: '/', role: 'TacetOperator', to })),
      ],
      bridges: ['vmbr0', 'vmbr9'],
      timing: { authDelayMs: 20, proxyTimeoutMs: 2_000, forkMs: 5, statusLagMs: 5 },
    });
    undo.defer(() => sim[Symbol.asyncDispose]());
    for (const name of ['backup', 'restore']) {
      await writeFile(join(directory, name), `${name}-secret\n`, { mode: 0o600 });
    }
    const stateDir = join(directory, 'state');
    const controller = await ControllerProcess.start(
      directory,
      {
        listen: { address: '127.0.0.1', port: 0 },
        stateDir,
        nodes: [
          {
            name: 'pve1',
            url: sim.url,
            trust: { fingerprint: sim.fingerprint },
            simulated: true,
            backupToken: { id: 'tacet@pve!backup', secretFile: join(directory, 'backup') },
            restoreToken: { id: 'op@pve!restore', secretFile: join(directory, 'restore') },
            storage: 'local',
            restoreStorage: 'btr',
            pollMs: 20,
          },
        ],
        leaseMs,
        maxHoldMs: leaseMs,
        drill: {
          vmids: { from: 900, to: 909 },
          network: { policy: 'bridge', bridge: 'vmbr9', address: 'dhcp' },
        },
      },
      AbortSignal.timeout(waitMs),
    );
    undo.defer(() => controller[Symbol.asyncDispose]());
    const house = new RecoveryHouse({ backend, sim, undo: undo.release(), controller, stateDir });
    for (const vmid of vmids) await house.#enrol(vmid);
    return house;
  }

  quiesce(vmid: number): FakeQuiesce {
    const quiesce = this.#quiesces.get(vmid) ?? new FakeQuiesce(systemClock);
    this.#quiesces.set(vmid, quiesce);
    return quiesce;
  }

  async api(): Promise<ApiClient> {
    return await ApiClient.of(this.#controller.controllerFile);
  }

  /** The agent of a guest, or of a copy that shows the credential of its original. */
  async connectAgent(vmid: number, credentialOf = vmid): Promise<FakeAgent> {
    const { url, fingerprint } = await this.#clientFile();
    const quiesce = this.quiesce(vmid);
    const agent = await FakeAgent.connect({
      url,
      fingerprint,
      credential: this.#credentials.get(credentialOf) ?? '',
      incarnation: fakeIncarnation(vmid, macOf(vmid)),
      status: fakeStatus('True', quiesce.isHeld ? 'held' : 'idle'),
      answer: (method, params) => quiesce.answer(method, params),
    });
    this.#undo.defer(() => agent[Symbol.asyncDispose]());
    await agent.next('welcome');
    return agent;
  }

  /** SIGKILL. */
  async kill(): Promise<void> {
    await this.#controller.kill();
  }

  async restart(): Promise<void> {
    await this.#controller.start(AbortSignal.timeout(2 * waitMs));
  }

  /** Resolves when the store has what `where` asks for of the newest request to a node. */
  async written(where: string): Promise<void> {
    using database = new DatabaseSync(join(this.#stateDir, 'controller.db'), {
      readOnly: true,
      timeout: 5_000,
    });
    const query = database.prepare(
      `SELECT ${where} AS yes FROM node_requests JOIN operations ON id = operation_id
       WHERE state = 'running' ORDER BY started_at DESC, position DESC LIMIT 1`,
    );
    for (const deadline = Date.now() + waitMs; Date.now() < deadline; await systemClock.sleep(10)) {
      if (query.get()?.['yes'] === 1) return;
    }
    throw new Error(`the store never had ${where}`);
  }

  /** Resolves when a hung daemon has taken in what it was asked for, and has not answered. */
  async requestHangs(): Promise<void> {
    for (const deadline = Date.now() + waitMs; Date.now() < deadline; await systemClock.sleep(10)) {
      if (this.sim.hangingCalls('pve1') > 0) return;
    }
    throw new Error('nothing was asked of the node');
  }

  /** Of the guest's newest operation, when it is no longer running. */
  async ended(vmid: number): Promise<Operation> {
    for (const deadline = Date.now() + waitMs; Date.now() < deadline; await systemClock.sleep(50)) {
      const [newest] = await this.operations(vmid);
      if (newest !== undefined && newest.state !== 'running') return newest;
    }
    throw new Error(`the operation did not end: ${JSON.stringify(await this.operations(vmid))}`);
  }

  async operations(vmid: number): Promise<Operation[]> {
    const { operations } = await (await this.api()).expect(operationListSchema, 'GET', '/api/v1/operations');
    return operations.filter((operation) => operation.vmid === vmid);
  }

  /** Of the guest's newest operation, by name. */
  async steps(vmid: number): Promise<string[]> {
    return (await this.operations(vmid))[0]?.steps.map(({ name }) => name) ?? [];
  }

  async backups(vmid: number): Promise<Backup[]> {
    const path = `/api/v1/backups?vmid=${vmid}`;
    return (await (await this.api()).expect(backupListSchema, 'GET', path)).backups;
  }

  /** Those that the node was asked for, by anyone. */
  async tasks(type: string, vmid: number): Promise<ListedTask[]> {
    return await this.#node.tasks.list('pve1', { type, vmid, source: 'all' });
  }

  async notes(volid: string): Promise<string> {
    return (await this.#node.storage.attributes({ node: 'pve1', volid })).notes;
  }

  async isRunning(vmid: number): Promise<boolean> {
    try {
      return (await this.backend.state(vmid)).running;
    } catch {
      return false; // it does not exist yet
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#undo[Symbol.asyncDispose]();
  }

  async #enrol(vmid: number): Promise<void> {
    const api = await this.api();
    this.#credentials.set(vmid, await enrolAgent(api, vmid, fakeIncarnation(vmid, macOf(vmid))));
  }

  async #clientFile(): Promise<{ url: string; fingerprint: string }> {
    return JSON.parse(await readFile(this.#controller.controllerFile, 'utf8')) as {
      url: string;
      fingerprint: string;
    };
  }
}

function guestConfig(vmid: number): Record<string, string | number> {
  return {
    hostname: `ct${vmid}`,
    unprivileged: 1,
    rootfs: `btr:${vmid}/vm-${vmid}-disk-0.raw,size=2G`,
    net0: `name=eth0,bridge=vmbr0,hwaddr=${macOf(vmid).toUpperCase()},type=veth`,
    arch: 'amd64',
    memory: 512,
    ostype: 'debian',
  };
}
