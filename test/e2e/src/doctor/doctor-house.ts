import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { run } from '@tacet/cli';
import { type Controller, type ControllerConfigInput, parseConfig, startController } from '@tacet/controller';
import { enrolAgent, ApiClient, FakeAgent, fakeIncarnation, fakeStatus } from '@tacet/controller/testing';
import {
  type DoctorFinding,
  type DoctorReport,
  doctorReportSchema,
  type FindingId,
  type GuestFacts,
  type GuestStatus,
  versionInfoSchema,
} from '@tacet/protocol';
import { connect, guestRole, type ProxmoxClient, restoreRole, targetRole } from '@tacet/proxmox';
import {
  type AclOptions,
  type GuestConfig,
  MemoryBackend,
  type PveSim,
  startPveSim,
  type StorageOptions,
} from '@tacet/pve-sim';
import { createLogger, jsonSink, Undo } from '@tacet/runtime';

export const vmid = 101;
/** Another guest on the node, which is none of Tacet's business. */
export const stranger = 150;
export const guestToken = 'tacet@pve!guest-101';
export const restoreToken = 'tacet@pve!restore';
const mac = 'bc:24:11:00:00:01';

export const local: StorageOptions = {
  storage: 'local',
  type: 'dir',
  content: ['backup', 'iso'],
  path: '/var/lib/vz',
};
const disks: StorageOptions = {
  storage: 'btr',
  type: 'btrfs',
  content: ['rootdir', 'images'],
  path: '/mnt/btr',
};

const both = (path: string, role: string, token: string): AclOptions[] => [
  { path, role, to: 'tacet@pve' },
  { path, role, to: token },
];
/** As `tacet pve provision` leaves it. */
export const provisioned: readonly AclOptions[] = [
  ...both('/vms/101', guestRole.role, guestToken),
  ...both('/storage/local', guestRole.role, guestToken),
  ...['/vms/101', '/storage/local', '/storage/btr', '/sdn/zones/localnetwork/vmbr0'].flatMap((path) =>
    both(path, restoreRole.role, restoreToken),
  ),
  ...both('/vms/201', targetRole.role, restoreToken),
];

export const config = (more: GuestConfig = {}): GuestConfig => ({
  hostname: 'shop',
  unprivileged: 1,
  features: 'nesting=1,keyctl=1',
  rootfs: 'btr:101/vm-101-disk-0.raw,size=8G',
  net0: `name=eth0,bridge=vmbr0,hwaddr=${mac.toUpperCase()},type=veth`,
  arch: 'amd64',
  memory: 512,
  ostype: 'debian',
  ...more,
});

export const facts = (more: Partial<GuestFacts> = {}): GuestFacts => ({
  engine: { version: '29.5.3', storageDriver: 'overlayfs' },
  outside: [],
  ...more,
});

/** What is otherwise than in a house where all is in order. */
export interface Trouble {
  readonly config?: GuestConfig;
  readonly acl?: readonly AclOptions[];
  readonly storages?: readonly StorageOptions[];
  readonly hook?: 'installed' | 'none' | 'foreign' | 'gone' | 'of another controller';
  readonly agent?: 'none' | 'away' | 'older';
  readonly facts?: GuestFacts;
  readonly engineReachable?: boolean;
  readonly node?: Partial<NonNullable<ControllerConfigInput['nodes']>[number]>;
  /** One token for all guests, as it is without `guestTokens`. */
  readonly shared?: boolean;
  /** Another node, with guest 109, at whose address nobody listens. */
  readonly deadNode?: boolean;
  /** In a cluster with pve1, which alone is configured. */
  readonly onNode?: string;
  /** Of the tokens, as the controller knows them. */
  readonly secret?: string;
}

/** A simulated node with one guest, its agent, and the controller on that node. */
export class DoctorHouse implements AsyncDisposable {
  readonly #undo = new Undo();
  readonly #directory: string;
  #sim: PveSim | undefined;
  #controller: Controller | undefined;

  private constructor(directory: string) {
    this.#directory = directory;
    this.#undo.defer(() => rm(directory, { recursive: true }));
  }

  static async open(trouble: Trouble = {}): Promise<DoctorHouse> {
    const house = new DoctorHouse(await mkdtemp(join(tmpdir(), 'tacet-doctor-')));
    try {
      await house.#open(trouble);
      return house;
    } catch (error) {
      await house[Symbol.asyncDispose]();
      throw error;
    }
  }

  get sim(): PveSim {
    return required(this.#sim);
  }

  get controller(): Controller {
    return required(this.#controller);
  }

  async examine(vmids?: readonly number[]): Promise<DoctorReport> {
    const api = await ApiClient.of(this.controller.clientFile);
    return await api.expect(
      doctorReportSchema,
      'POST',
      '/api/v1/doctor',
      vmids === undefined ? {} : { vmids },
    );
  }

  /** All with this id. */
  async find(id: FindingId): Promise<DoctorFinding[]> {
    const { findings } = await this.examine();
    return findings.filter((finding) => finding.id === id);
  }

  async tacet(...argv: string[]): Promise<{ code: number; out: string; err: string }> {
    const spoken = { code: -1, out: '', err: '' };
    spoken.code = await run({
      argv,
      env: { TACET_CONTROLLER: this.controller.clientFile },
      stdout: (text) => void (spoken.out += text),
      stderr: (text) => void (spoken.err += text),
      signal: new AbortController().signal,
    });
    return spoken;
  }

  /** Does what the `pveum acl modify` lines among a finding's commands say, as root on the node would. */
  async follow(commands: readonly string[]): Promise<void> {
    const line = /^pveum acl modify (\S+) --roles (\S+) --users (\S+) --tokens '([^']+)'$/;
    const grants = commands.flatMap((command) => {
      const [, path, role, user, token] = line.exec(command) ?? [];
      return path && role && user && token ? [{ path, role, users: [user], tokens: [token] }] : [];
    });
    if (grants.length === 0) throw new Error(`no grant among ${commands.join('; ')}`);
    for (const grant of grants) await this.root.access.grant(grant);
  }

  get root(): ProxmoxClient {
    const token = { id: 'root@pam!test', secret: 'root-secret' };
    const client = connect({ url: this.sim.url, token, trust: { fingerprint: this.sim.fingerprint } });
    this.#undo.defer(() => client.close());
    return client;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#undo[Symbol.asyncDispose]();
  }

  async #open(trouble: Trouble): Promise<void> {
    this.#sim = await startPveSim({
      backend: new MemoryBackend({
        guests: [
          { vmid, config: trouble.config ?? config(), node: trouble.onNode ?? 'pve1' },
          { vmid: stranger, config: config({ hostname: 'other' }) },
        ],
      }),
      nodes: ['pve1', ...(trouble.onNode === undefined ? [] : [trouble.onNode])],
      storages: trouble.storages ?? [local, disks],
      users: [
        { userid: 'root@pam', tokens: [{ tokenid: 'test', privsep: false, secret: 'root-secret' }] },
        {
          userid: 'tacet@pve',
          tokens: ['guest-101', 'restore'].map((tokenid) => ({ tokenid, secret: `${tokenid}-secret` })),
        },
      ],
      roles: Object.fromEntries(
        [guestRole, restoreRole, targetRole].map((one) => [one.role, one.privileges]),
      ),
      acl: trouble.acl ?? provisioned,
      bridges: ['vmbr0'],
      timing: { authDelayMs: 20, proxyTimeoutMs: 300 },
    });
    this.#undo.defer(() => this.sim[Symbol.asyncDispose]());
    await this.#prepareHook(trouble.hook ?? 'installed');
    await this.#startController(trouble);
    await this.#connectAgent(trouble);
  }

  async #startController({ node, secret, shared = false, deadNode = false }: Trouble): Promise<void> {
    const token = async (id: string) => {
      const name = id.split('!')[1] ?? '';
      const secretFile = join(this.#directory, `${name}.secret`);
      await writeFile(secretFile, `${secret ?? `${name}-secret`}\n`, { mode: 0o600 });
      return { id, secretFile };
    };
    const dead = async () => ({
      name: 'pve9',
      url: 'https://127.0.0.1:9',
      trust: { fingerprint: this.sim.fingerprint },
      guestTokens: { 109: await token('tacet@pve!guest-109') },
      storage: 'local',
    });
    this.#controller = await startController({
      config: parseConfig({
        listen: { address: '127.0.0.1', port: 0 },
        stateDir: join(this.#directory, 'state'),
        nodes: [
          {
            name: 'pve1',
            url: this.sim.url,
            trust: { fingerprint: this.sim.fingerprint },
            simulated: true,
            ...(shared
              ? { backupToken: await token(guestToken) }
              : { guestTokens: { [vmid]: await token(guestToken) } }),
            restoreToken: await token(restoreToken),
            storage: 'local',
            ...node,
          },
          ...(deadNode ? [await dead()] : []),
        ],
        hook: { socket: this.#socket, node: 'pve1', vzdumpConf: this.#vzdumpConf },
      }),
      log: createLogger({ sink: jsonSink(() => undefined) }),
      env: {},
    });
    this.#undo.defer(() => this.controller[Symbol.asyncDispose]());
  }

  async #connectAgent({ agent, facts: seen = facts(), engineReachable = true }: Trouble): Promise<void> {
    if (agent === 'none') return;
    const { agentUrl: url, fingerprint, clientFile } = this.controller;
    const api = await ApiClient.of(clientFile);
    const { version } = await api.expect(versionInfoSchema, 'GET', '/api/v1/version');
    const agentVersion = agent === 'older' ? '0.0.9' : version;
    const incarnation = fakeIncarnation(vmid, mac);
    const credential = await enrolAgent(api, vmid, incarnation, agentVersion);
    if (agent === 'away') return;
    const status = statusOf(engineReachable ? seen : undefined, engineReachable);
    const fake = await FakeAgent.connect({ url, fingerprint, credential, incarnation, agentVersion, status });
    this.#undo.defer(() => fake[Symbol.asyncDispose]());
    await fake.next('welcome');
  }

  get #socket(): string {
    return join(this.#directory, 'hook.sock');
  }

  get #vzdumpConf(): string {
    return join(this.#directory, 'vzdump.conf');
  }

  async #prepareHook(kind: NonNullable<Trouble['hook']>): Promise<void> {
    const script = join(this.#directory, 'vzdump-hook');
    const foreign = join(this.#directory, 'foreign-hook');
    await writeFile(foreign, '#!/bin/sh\nexit 0\n', { mode: 0o755 });
    const named = { foreign, gone: join(this.#directory, 'no-such-hook') };
    const line = kind === 'foreign' || kind === 'gone' ? `script: ${named[kind]}\n` : '';
    await writeFile(this.#vzdumpConf, `# defaults\n#script: FILENAME\n${line}`);
    if (kind !== 'installed' && kind !== 'of another controller') return;
    const socket = kind === 'installed' ? this.#socket : '/run/another/hook.sock';
    await run({
      argv: [
        'hook',
        'install',
        '--socket',
        socket,
        '--script',
        script,
        '--vzdump-conf',
        this.#vzdumpConf,
        '--vzdump-lock',
        join(this.#directory, 'vzdump.lock'),
      ],
      env: {},
      stdout: () => undefined,
      stderr: () => undefined,
      signal: new AbortController().signal,
    });
  }
}

function statusOf(seen: GuestFacts | undefined, engineReachable: boolean): GuestStatus {
  const status = fakeStatus();
  const [ready] = status.conditions;
  if (ready === undefined) throw new Error('the fake status has no condition');
  const engine = engineReachable
    ? { status: 'True' as const, reason: 'EngineAnswers', message: 'Docker 29.5.3' }
    : { status: 'False' as const, reason: 'EngineUnreachable', message: 'the socket refuses connections' };
  return {
    ...status,
    conditions: [ready, { ...ready, type: 'EngineReachable', ...engine }],
    ...(seen !== undefined && { facts: seen }),
  };
}

function required<T>(value: T | undefined): T {
  if (value === undefined) throw new Error('the house is not open');
  return value;
}
