import { copyFile, mkdir, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { run } from '@tacet/cli';
import { type Controller, type ControllerConfigInput, parseConfig, startController } from '@tacet/controller';
import { ApiClient } from '@tacet/controller/testing';
import { SimulatedGuest } from '@tacet/demo';
import { enrolmentSchema, guestListSchema } from '@tacet/protocol';
import { type GuestConfig, MemoryBackend, type PveSim, startPveSim } from '@tacet/pve-sim';
import { createLogger, jsonSink, type Undo } from '@tacet/runtime';
import { RootShell } from './root-shell.ts';

export const password = 'of root@pam';

const scratch = { from: 9000, to: 9001 };

export interface DocumentedHouseOptions {
  /** Of this house alone. */
  readonly directory: string;
  /** Where the hook's socket and vzdump's configuration are. */
  readonly hook: { readonly socket: string; readonly vzdumpConf: string };
  /** Another address than the one at which agents reach it. */
  readonly agentUrl?: string;
  /** What each slow step of the node takes. */
  readonly stepMs?: number;
  /** Both enrolled, connected and ready. */
  readonly withAgents: boolean;
}

/** What the guides talk of: a node with the guests 101 and 102, and 201 to 204 free. */
export interface DocumentedNode {
  readonly sim: PveSim;
  readonly shell: RootShell;
  guest(vmid: number): SimulatedGuest;
}

/** … and a controller that was given its tokens. */
export interface DocumentedHouse extends DocumentedNode {
  readonly controller: Controller;
  readonly api: ApiClient;
}

export async function openNode(undo: Undo, directory: string, stepMs = 50): Promise<DocumentedNode> {
  const guests = new Map<number, SimulatedGuest>();
  const log = createLogger({ sink: jsonSink(() => undefined) });
  undo.defer(() => Promise.all([...guests.values()].map((guest) => guest.stop())));
  const sim = await startPveSim({
    backend: new MemoryBackend({
      guests: [101, 102].map((vmid) => ({ vmid, config: configOf(vmid) })),
      content: (vmid, captured) => {
        const guest = new SimulatedGuest({ vmid, directory, captured, acknowledge: () => undefined, log });
        guests.set(vmid, guest);
        return guest;
      },
      stepMs,
    }),
    nodes: ['pve1'],
    storages: [
      { storage: 'local', type: 'dir', content: ['backup'], path: '/var/lib/vz' },
      { storage: 'local-lvm', type: 'lvmthin', content: ['rootdir', 'images'], path: '/dev/pve' },
    ],
    users: [{ userid: 'root@pam', password }],
    bridges: ['vmbr0', 'vmbr9'],
    timing: { authDelayMs: 20, statusLagMs: 1, forkMs: 1, killAfterMs: 100 },
  });
  undo.defer(() => sim[Symbol.asyncDispose]());
  return {
    sim,
    shell: new RootShell(undo, sim),
    guest(vmid) {
      const guest = guests.get(vmid);
      if (guest === undefined) throw new Error(`there is no guest ${vmid}`);
      return guest;
    },
  };
}

export async function openHouse(undo: Undo, options: DocumentedHouseOptions): Promise<DocumentedHouse> {
  const { directory, hook, agentUrl, stepMs, withAgents } = options;
  const node = await openNode(undo, directory, stepMs);
  const tokens = await provision(node.sim, directory);
  await grantMore(node.shell);
  const controller = await startController({
    config: parseConfig({
      listen: { address: '127.0.0.1', port: 0 },
      ...(agentUrl !== undefined && { agentUrl }),
      stateDir: join(directory, 'controller'),
      nodes: [
        {
          name: 'pve1',
          url: node.sim.url,
          trust: { fingerprint: node.sim.fingerprint },
          simulated: true,
          storage: 'local',
          pollMs: 20,
          ...tokens,
        },
      ],
      hook: { ...hook, node: 'pve1' },
      drill: {
        vmids: scratch,
        network: { policy: 'bridge', bridge: 'vmbr9', address: '10.99.0.2/24', gateway: '10.99.0.1' },
        storage: 'local-lvm',
        pool: 'tacet-drill',
      },
    }),
    log: createLogger({ sink: jsonSink(() => undefined) }),
    env: {},
  });
  undo.defer(() => controller[Symbol.asyncDispose]());
  const api = await ApiClient.of(controller.clientFile);
  if (withAgents) await Promise.all([101, 102].map((vmid) => enrol(api, vmid, node.guest(vmid))));
  return { ...node, controller, api };
}

/** Until the controller knows it in that state, by the id that it gives. */
export async function waitForGuest(
  api: ApiClient,
  vmid: number,
  identity: 'enrolled' | 'quarantined',
): Promise<string> {
  const deadline = AbortSignal.timeout(60_000);
  while (!deadline.aborted) {
    const { guests } = await api.expect(guestListSchema, 'GET', '/api/v1/guests');
    const found = guests.find((guest) => guest.vmid === vmid && guest.identity === identity);
    const ready = found?.conditions.find(({ type }) => type === 'Ready');
    if (found !== undefined && (identity === 'quarantined' || ready?.status === 'True')) return found.id;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`guest ${vmid} is not ${identity}`);
}

async function enrol(api: ApiClient, vmid: number, guest: SimulatedGuest): Promise<void> {
  const { token } = await api.expect(enrolmentSchema, 'POST', `/api/v1/guests/${vmid}/enrolments`);
  await guest.enrol(token);
  await waitForGuest(api, vmid, 'enrolled');
}

/** As the guide says. @returns what goes into the node's entry */
async function provision(sim: PveSim, directory: string): Promise<Partial<NodeEntry>> {
  const secrets = join(directory, 'secrets');
  await mkdir(secrets);
  const where = ['--url', sim.url, '--fingerprint', sim.fingerprint, '--node', 'pve1', '--secrets', secrets];
  const what = ['--guest', '101,102', '--storage', 'local', '--restore', '--target', '201-204'];
  const drills = ['--drill-pool', 'tacet-drill', '--drill-bridge', 'vmbr9'];
  let out = '';
  let err = '';
  const code = await run({
    argv: ['--json', 'pve', 'provision', ...where, ...what, ...drills],
    env: {},
    stdout: (text) => void (out += text),
    stderr: (text) => void (err += text),
    signal: new AbortController().signal,
    terminal: { askSecret: () => Promise.resolve(password), close: () => undefined },
  });
  if (code !== 0) throw new Error(`tacet pve provision: ${err}`);
  return (JSON.parse(out) as { configuration: Partial<NodeEntry> }).configuration;
}

type NodeEntry = ControllerConfigInput['nodes'][number];

/** What the guides' restores in place and rollbacks need besides. */
async function grantMore({ pveum }: RootShell): Promise<void> {
  const grant = async (path: string, role: string): Promise<void> => {
    const to = ['--users', 'tacet@pve', '--tokens', 'tacet@pve!restore'];
    await pveum(['acl', 'modify', path, '--roles', role, ...to]);
  };
  await pveum(['role', 'add', 'HousePower', '--privs', 'VM.Audit VM.PowerMgmt']);
  await grant('/vms/101', 'HousePower');
}

function configOf(vmid: number): GuestConfig {
  const mac = `BC:24:11:00:00:${(vmid % 256).toString(16).padStart(2, '0').toUpperCase()}`;
  return {
    arch: 'amd64',
    cores: 2,
    features: 'keyctl=1,nesting=1',
    hostname: vmid === 101 ? 'shop-db' : 'shop',
    memory: 2048,
    net0: `name=eth0,bridge=vmbr0,hwaddr=${mac},ip=dhcp,type=veth`,
    ostype: 'debian',
    rootfs: `local-lvm:vm-${vmid}-disk-0,size=8G`,
    swap: 512,
    tags: 'prod',
    unprivileged: 1,
  };
}

/** The token of `cli.json`, which is an admin's. */
export async function adminToken(controller: Controller): Promise<string> {
  const { token }: { token: string } = JSON.parse(await readFile(controller.clientFile, 'utf8'));
  return token;
}

/** The certificate, as somebody has copied it to where he asks from. */
export async function copyCertificate(controller: Controller, directory: string): Promise<void> {
  await copyFile(join(dirname(controller.clientFile), 'controller.crt'), join(directory, 'controller.crt'));
}
