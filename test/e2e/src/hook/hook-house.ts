import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { run } from '@tacet/cli';
import { type Controller, type ControllerConfigInput, parseConfig, startController } from '@tacet/controller';
import { enrolAgent, ApiClient, FakeAgent, fakeIncarnation } from '@tacet/controller/testing';
import { type Backup, backupListSchema, type Operation, operationListSchema } from '@tacet/protocol';
import { guestRole } from '@tacet/proxmox';
import { MemoryBackend, type PveSim, startPveSim } from '@tacet/pve-sim';
import { createLogger, jsonSink, Undo } from '@tacet/runtime';
import { HookGuest } from './hook-guest.ts';
import { HookWire } from './hook-wire.ts';
import { gateBehind, type HookGate, wrapHook } from './hook-wrapper.ts';
import { ProxmoxUser } from './proxmox-user.ts';

/** What each is for. All but the stranger are enrolled. */
export const guests = {
  /** One volume on a storage that snapshots. */
  single: 101,
  /** On a storage that cannot. */
  unable: 102,
  stopped: 103,
  /** Two volumes. */
  double: 104,
  /** Its agent never comes. */
  absent: 105,
  stranger: 106,
} as const;

const vmids = Object.values(guests);
const secret = 'a-secret';
/** Short, so that a test can wait for its end, and longer than the script's patience. */
export const leaseMs = 3_000;
export const patienceS = 1;

function configOf(vmid: number): Record<string, string | number> {
  const storage = vmid === guests.unable ? 'local' : 'btr';
  return {
    hostname: `ct${vmid}`,
    unprivileged: 1,
    rootfs: `${storage}:${vmid}/vm-${vmid}-disk-0.raw,size=2G`,
    ...(vmid === guests.double && { mp0: `btr:${vmid}/vm-${vmid}-disk-1.raw,mp=/data,backup=1,size=1G` }),
    net0: `name=eth0,bridge=vmbr0,hwaddr=${macOf(vmid).toUpperCase()},type=veth`,
    arch: 'amd64',
    memory: 512,
    ostype: 'debian',
  };
}

function macOf(vmid: number): string {
  return `bc:24:11:00:01:${vmid - 100 + 10}`;
}

/** A simulated node whose vzdump runs the real hook script, and the controller on it that the script calls. */
export class HookHouse implements AsyncDisposable {
  readonly directory: string;
  readonly log: string[] = [];
  readonly #undo = new Undo();
  readonly #guests = new Map(vmids.map((vmid) => [vmid as number, new HookGuest()]));
  readonly #credentials = new Map<number, string>();
  #backend: MemoryBackend | undefined;
  #sim: PveSim | undefined;
  #user: ProxmoxUser | undefined;
  #wire: HookWire | undefined;
  #controller: Controller | undefined;

  private constructor(directory: string) {
    this.directory = directory;
    this.#undo.defer(() => rm(directory, { recursive: true }));
  }

  static async open(config: Partial<ControllerConfigInput> = {}): Promise<HookHouse> {
    const house = new HookHouse(await mkdtemp(join(tmpdir(), 'tacet-hook-')));
    try {
      await house.#open(config);
      return house;
    } catch (error) {
      await house[Symbol.asyncDispose]();
      throw error;
    }
  }

  get sim(): PveSim {
    return required(this.#sim);
  }

  get user(): ProxmoxUser {
    return required(this.#user);
  }

  get wire(): HookWire {
    return required(this.#wire);
  }

  get controller(): Controller {
    return required(this.#controller);
  }

  /** As an operator puts a guest right that Proxmox VE has left frozen or stopped. */
  async revive(vmid: number): Promise<void> {
    this.sim.unlock(vmid);
    await required(this.#backend).unfreeze(vmid);
    if (this.guest(vmid).isRunning) return;
    await required(this.#backend).start(vmid, new AbortController().signal);
  }

  /** Written by `tacet hook install`. */
  get script(): string {
    return join(this.directory, 'vzdump-hook');
  }

  guest(vmid: number): HookGuest {
    return required(this.#guests.get(vmid));
  }

  async api(): Promise<ApiClient> {
    return await ApiClient.of(this.controller.clientFile);
  }

  /** `tacet hook …` on this node. @returns what it printed. */
  async tacet(...argv: string[]): Promise<{ code: number; text: string }> {
    let text = '';
    const places = [
      '--vzdump-conf',
      'vzdump.conf',
      '--script',
      'vzdump-hook',
      '--vzdump-lock',
      'vzdump.lock',
    ];
    const options = places.map((word) => (word.startsWith('--') ? word : join(this.directory, word)));
    const code = await run({
      argv: ['hook', ...argv, ...options],
      env: {},
      stdout: (more) => void (text += more),
      stderr: (more) => void (text += more),
      signal: new AbortController().signal,
    });
    return { code, text };
  }

  /** Has vzdump run what its configuration names. */
  async readVzdumpConf(): Promise<void> {
    const conf = await readFile(join(this.directory, 'vzdump.conf'), 'utf8');
    this.sim.setHookScript(/^script: (.*)$/m.exec(conf)?.[1]);
  }

  /** See {@link wrapHook}. */
  async wrapHook(body: string): Promise<void> {
    this.sim.setHookScript(await wrapHook(this.directory, this.script, body));
  }

  async gateBehind(phase: string): Promise<HookGate> {
    const gate = await gateBehind(phase, this.directory, this.script);
    this.sim.setHookScript(gate.path);
    return gate;
  }

  /** Newest first. */
  async backups(): Promise<Backup[]> {
    const api = await this.api();
    return (await api.expect(backupListSchema, 'GET', '/api/v1/backups')).backups;
  }

  async operations(): Promise<Operation[]> {
    const api = await this.api();
    return (await api.expect(operationListSchema, 'GET', '/api/v1/operations')).operations;
  }

  /** Its agents dial again at once. */
  async restartController(config: Partial<ControllerConfigInput> = {}): Promise<void> {
    const port = Number(new URL(this.controller.url).port);
    await this.controller[Symbol.asyncDispose]();
    await this.#startController({ listen: { address: '127.0.0.1', port }, ...config });
    for (const guest of this.#guests.values()) if (guest.isRunning) guest.agent = await guest.dial?.();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#undo[Symbol.asyncDispose]();
  }

  async #open(config: Partial<ControllerConfigInput>): Promise<void> {
    this.#backend = new MemoryBackend({
      guests: vmids.map((vmid) => ({ vmid, config: configOf(vmid), running: vmid !== guests.stopped })),
      content: (vmid) => this.guest(vmid),
      stepMs: 60,
    });
    this.#sim = await startPveSim({
      backend: this.#backend,
      storages: [
        { storage: 'local', type: 'dir', content: ['backup', 'rootdir', 'images'], path: '/var/lib/vz' },
        { storage: 'btr', type: 'btrfs', content: ['rootdir', 'images'], path: '/mnt/btr' },
      ],
      users: [{ userid: 'tacet@pve', tokens: [{ tokenid: 'backup', secret }] }],
      roles: { [guestRole.role]: guestRole.privileges },
      acl: ['/vms', '/storage/local'].flatMap((path) =>
        ['tacet@pve', 'tacet@pve!backup'].map((to) => ({ path, role: guestRole.role, to })),
      ),
      timing: { forkMs: 5, statusLagMs: 5 },
    });
    this.#undo.defer(() => this.sim[Symbol.asyncDispose]());
    this.#user = new ProxmoxUser(this.sim);
    this.#undo.defer(() => this.#user?.[Symbol.asyncDispose]());
    await writeFile(join(this.directory, 'secret'), secret, { mode: 0o600 });
    this.#undo.defer(() => this.#controller?.[Symbol.asyncDispose]());
    await this.#startController(config);
    await this.#enrolAll();
    const calls = join(this.directory, 'wire.sock');
    this.#wire = await HookWire.open(calls, join(this.directory, 'hook.sock'));
    this.#undo.defer(() => this.#wire?.[Symbol.asyncDispose]());
    await writeFile(join(this.directory, 'vzdump.conf'), '# defaults\n#script: FILENAME\n');
    await this.tacet('install', '--socket', calls, '--patience', '5');
    await this.#hasten();
    await this.readVzdumpConf();
  }

  async #startController(config: Partial<ControllerConfigInput>): Promise<void> {
    this.#controller = await startController({
      config: parseConfig({
        listen: { address: '127.0.0.1', port: 0 },
        stateDir: join(this.directory, 'state'),
        nodes: [
          {
            name: 'pve1',
            url: this.sim.url,
            trust: { fingerprint: this.sim.fingerprint },
            simulated: true,
            backupToken: { id: 'tacet@pve!backup', secretFile: join(this.directory, 'secret') },
            storage: 'local',
            pollMs: 20,
          },
        ],
        hook: { socket: join(this.directory, 'hook.sock'), node: 'pve1' },
        leaseMs,
        ...config,
      }),
      log: createLogger({ sink: jsonSink((line) => this.log.push(line)), level: 'debug' }),
      random: () => 0.02,
    });
  }

  async #enrolAll(): Promise<void> {
    const api = await this.api();
    for (const vmid of vmids) {
      if (vmid === guests.stranger) continue;
      this.#credentials.set(vmid, await enrolAgent(api, vmid, fakeIncarnation(vmid, macOf(vmid))));
      if (vmid === guests.absent) continue;
      const guest = this.guest(vmid);
      guest.dial = () => this.#dial(vmid);
      if (guest.isRunning) guest.agent = await guest.dial();
    }
  }

  async #dial(vmid: number): Promise<FakeAgent> {
    const { agentUrl: url, fingerprint } = this.controller;
    const agent = await FakeAgent.connect({
      url,
      fingerprint,
      credential: this.#credentials.get(vmid) ?? '',
      incarnation: fakeIncarnation(vmid, macOf(vmid)),
      answer: (method, params) => this.guest(vmid).quiesce.answer(method, params),
    });
    this.#undo.defer(() => agent[Symbol.asyncDispose]());
    await agent.next('welcome');
    return agent;
  }

  /** So that no test waits for as long as an installed script does. */
  async #hasten(): Promise<void> {
    const script = await readFile(this.script, 'utf8');
    await writeFile(this.script, script.replace(/^patience=.*$/m, `patience='${patienceS}'`));
  }
}

function required<T>(value: T | undefined): T {
  if (value === undefined) throw new Error('the house is not open');
  return value;
}
