import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Controller, parseConfig, startController } from '@tacet/controller';
import { ApiClient } from '@tacet/controller/testing';
import { MemoryBackend, type PveSim, startPveSim } from '@tacet/pve-sim';
import { createLogger, jsonSink, type Undo } from '@tacet/runtime';

const SELF = ['VM.Audit', 'VM.Snapshot', 'VM.Backup', 'Datastore.AllocateSpace', 'Datastore.Audit'];
const SCRATCH = ['VM.Allocate', 'VM.PowerMgmt', 'VM.Config.Network', 'VM.Config.Options'];
const OPERATOR = [...SELF, ...SCRATCH, 'SDN.Use'];
export const originalMac = 'bc:24:11:00:00:01';

const guestConfig = (vmid: number, storage: string): Record<string, string | number> => ({
  hostname: `ct${vmid}`,
  unprivileged: 1,
  features: 'nesting=1,keyctl=1',
  rootfs: `${storage}:${vmid}/vm-${vmid}-disk-0.raw,size=2G`,
  net0: `name=eth0,bridge=vmbr0,hwaddr=${originalMac.toUpperCase()},type=veth`,
  arch: 'amd64',
  memory: 512,
  ostype: 'debian',
});

/** A controller, and the simulated node that it works on. */
export interface House {
  sim: PveSim;
  backend: MemoryBackend;
  controller: Controller;
  api: ApiClient;
  log: string[];
}

/** Guest 101 can be snapshotted, 102 cannot. */
export async function openHouse(undo: Undo): Promise<House> {
  const directory = await mkdtemp(join(tmpdir(), 'tacet-e2e-'));
  undo.defer(() => rm(directory, { recursive: true }));
  const backend = new MemoryBackend({
    guests: [
      { vmid: 101, config: guestConfig(101, 'btr') },
      { vmid: 102, config: guestConfig(102, 'local') },
    ],
    stepMs: 120,
  });
  const sim = await startPveSim({
    backend,
    storages: [
      { storage: 'local', type: 'dir', content: ['backup', 'rootdir', 'images'], path: '/var/lib/vz' },
      { storage: 'btr', type: 'btrfs', content: ['rootdir', 'images'], path: '/mnt/btr' },
    ],
    users: [
      { userid: 'tacet@pve', tokens: [{ tokenid: 'backup', secret: 'backup-secret' }] },
      { userid: 'op@pve', tokens: [{ tokenid: 'restore', secret: 'restore-secret' }] },
    ],
    roles: { TacetSelf: SELF, TacetOperator: OPERATOR },
    acl: [
      ...['/vms/101', '/vms/102', '/storage/local'].flatMap((path) =>
        ['tacet@pve', 'tacet@pve!backup'].map((to) => ({ path, role: 'TacetSelf', to })),
      ),
      ...['op@pve', 'op@pve!restore'].map((to) => ({ path: '/', role: 'TacetOperator', to })),
    ],
    nodes: ['pve1', 'pve2'],
    bridges: ['vmbr0', 'vmbr9'],
    timing: { authDelayMs: 20, proxyTimeoutMs: 400 },
  });
  undo.defer(() => sim[Symbol.asyncDispose]());
  for (const name of ['backup', 'restore']) {
    await writeFile(join(directory, name), `${name}-secret\n`, { mode: 0o600 });
  }
  const log: string[] = [];
  const controller = await startController({
    config: parseConfig({
      listen: { address: '127.0.0.1', port: 0 },
      stateDir: join(directory, 'state'),
      nodes: [
        {
          name: 'pve1',
          url: sim.url,
          trust: { fingerprint: sim.fingerprint },
          simulated: true,
          backupToken: { id: 'tacet@pve!backup', secretFile: join(directory, 'backup') },
          restoreToken: { id: 'op@pve!restore', secretFile: join(directory, 'restore') },
          storage: 'local',
          pollMs: 20,
        },
      ],
      leaseMs: 3_000,
      drill: {
        vmids: { from: 900, to: 901 },
        network: { policy: 'bridge', bridge: 'vmbr9', address: '10.99.0.2/24', gateway: '10.99.0.1' },
        storage: 'btr',
      },
      readyDeadlineMs: 20_000,
    }),
    log: createLogger({ sink: jsonSink((line) => log.push(line)), level: 'debug' }),
    // Retries come soon.
    random: () => 0.02,
  });
  undo.defer(() => controller[Symbol.asyncDispose]());
  return { sim, backend, controller, api: await ApiClient.of(controller.clientFile), log };
}
