import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseConfig, startController } from '@tacet/controller';
import { MemoryBackend } from '@tacet/pve-sim';
import { type Logger, Undo } from '@tacet/runtime';
import { openApi } from '../api.ts';
import { startNode } from '../node.ts';
import type { Stage } from '../stage.ts';
import { SimulatedGuest } from './simulated-guest.ts';
import { SimulatedWriteLog } from './write-log.ts';

const original = 101;
const copy = 201;

/**
 * The real controller and the real agent, on a simulated node with simulated guests: what is not real is the
 * engine, the databases, the kernel and the disks.
 */
export async function openSimulatedStage(log: Logger, signal: AbortSignal): Promise<Stage> {
  await using undo = new Undo();
  const directory = await mkdtemp(join(tmpdir(), 'tacet-demo-'));
  undo.defer(() => rm(directory, { recursive: true, force: true }));

  const guests = new Map<number, SimulatedGuest>();
  const guestOf = (vmid: number): SimulatedGuest => {
    const guest = guests.get(vmid);
    if (!guest) throw new Error(`there is no guest ${vmid}`);
    return guest;
  };
  const writes = new SimulatedWriteLog(original, guestOf);
  const backend = new MemoryBackend({
    guests: [{ vmid: original, config: guestConfig(original) }],
    content: (vmid, captured) => {
      const acknowledge = writes.acknowledge.bind(writes, vmid);
      const guest = new SimulatedGuest({ vmid, directory, captured, acknowledge, log });
      guests.set(vmid, guest);
      return guest;
    },
  });
  undo.defer(() => Promise.all([...guests.values()].map((guest) => guest.stop())));
  const node = await startNode({
    backend,
    storages: [
      { storage: 'local', type: 'dir', content: ['backup'], path: join(directory, 'local') },
      { storage: 'guests', type: 'zfspool', content: ['rootdir'], path: '/guests' },
    ],
    restoreStorage: 'guests',
    directory,
    original,
  });
  undo.defer(() => node[Symbol.asyncDispose]());

  const config = parseConfig({
    listen: { address: '127.0.0.1', port: 0 },
    stateDir: join(directory, 'controller'),
    nodes: [node.config],
  });
  const controller = await startController({ config, log });
  undo.defer(() => controller[Symbol.asyncDispose]());

  await using api = await openApi(controller.clientFile);
  const { token } = await api.enrol(original, signal);
  await guestOf(original).enrol(token);
  const kept = undo.release();
  return {
    kind: 'simulation',
    reality:
      'Simulated: the Proxmox VE node, the guests, their engine, databases and disks. Real: controller, agent, protocol.',
    original,
    copy,
    controllerFile: controller.clientFile,
    controllerUrl: controller.url,
    setupUrl: () => Promise.resolve(controller.setupUrl),
    writes,
    [Symbol.asyncDispose]: () => kept[Symbol.asyncDispose](),
  };
}

function guestConfig(vmid: number) {
  return {
    arch: 'amd64',
    cores: 2,
    features: 'keyctl=1,nesting=1',
    hostname: `guest-${vmid}`,
    memory: 2048,
    net0: 'name=eth0,bridge=vmbr0,hwaddr=BC:24:11:00:00:65,ip=dhcp,type=veth',
    ostype: 'debian',
    rootfs: `guests:subvol-${vmid}-disk-0,size=8G`,
    swap: 512,
    unprivileged: 1,
  };
}
