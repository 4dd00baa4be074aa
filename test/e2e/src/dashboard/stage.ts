import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Controller, parseConfig, startController } from '@tacet/controller';
import { SimulatedGuest, startNode } from '@tacet/demo';
import { MemoryBackend } from '@tacet/pve-sim';
import { createLogger, jsonSink, type Undo } from '@tacet/runtime';

export const original = 101;

export interface DashboardStage {
  readonly controller: Controller;
  /** One that the node made, or that a restore made. */
  readonly guest: (vmid: number) => SimulatedGuest;
  /** A copy of a guest's disk that somebody starts as another, behind everybody's back. */
  readonly clone: (of: number, as: number) => Promise<SimulatedGuest>;
}

/** A real controller that nobody has set up yet, a simulated node, and a guest that is not enrolled. */
export async function openDashboardStage(undo: Undo): Promise<DashboardStage> {
  const directory = await mkdtemp(join(tmpdir(), 'tacet-dashboard-'));
  undo.defer(() => rm(directory, { recursive: true, force: true }));
  const lines: string[] = [];
  const log = createLogger({ sink: jsonSink((line) => lines.push(line)), level: 'error' });
  const guests = new Map<number, SimulatedGuest>();
  const newGuest = (vmid: number, captured: unknown): SimulatedGuest => {
    const guest = new SimulatedGuest({ vmid, directory, captured, acknowledge: () => undefined, log });
    guests.set(vmid, guest);
    return guest;
  };
  const guestOf = (vmid: number): SimulatedGuest => {
    const guest = guests.get(vmid);
    if (guest === undefined) throw new Error(`there is no guest ${vmid}:\n${lines.join('')}`);
    return guest;
  };
  undo.defer(() => Promise.all([...guests.values()].map((guest) => guest.stop())));
  const node = await startNode({
    backend: new MemoryBackend({
      guests: [{ vmid: original, config: guestConfig(original) }],
      content: newGuest,
    }),
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
  return {
    controller,
    guest: guestOf,
    clone: async (of, as) => {
      const copy = newGuest(as, await guestOf(of).capture());
      await copy.start();
      return copy;
    },
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
