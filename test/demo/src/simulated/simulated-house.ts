import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Controller, type ControllerConfigInput, parseConfig, startController } from '@tacet/controller';
import { MemoryBackend, type MemoryBackendOptions } from '@tacet/pve-sim';
import type { Logger, Undo } from '@tacet/runtime';
import { startNode } from '../node.ts';
import { SimulatedGuest, type SimulatedGuestOptions } from './simulated-guest.ts';

export interface SimulatedHouse {
  readonly controller: Controller;
  /** One that the node has made, or `add`. @throws Error when there is none */
  guest(vmid: number): SimulatedGuest;
  /** A guest that the node knows nothing of, from the disk of another. */
  add(vmid: number, captured: unknown): SimulatedGuest;
}

export interface SimulatedHouseOptions {
  /** The one guest that is there; its agent is not enrolled. */
  readonly original: number;
  readonly log: Logger;
  /** What the node's guests are kept in; in memory when left out. */
  readonly makeBackend?: (options: MemoryBackendOptions) => MemoryBackend;
  /** Of the controller, beside what it cannot do without. */
  readonly configure?: Partial<ControllerConfigInput>;
  /** Hears of each write that a guest has acknowledged. */
  readonly acknowledge?: (vmid: number, ...write: Parameters<SimulatedGuestOptions['acknowledge']>) => void;
}

/** A real controller that nobody has set up yet, on a simulated node. What was opened is `undo`'s to close. */
export async function openSimulatedHouse(
  undo: Undo,
  {
    original,
    log,
    acknowledge = () => undefined,
    makeBackend = (options) => new MemoryBackend(options),
    configure = {},
  }: SimulatedHouseOptions,
): Promise<SimulatedHouse> {
  const directory = await mkdtemp(join(tmpdir(), 'tacet-simulated-'));
  undo.defer(() => rm(directory, { recursive: true, force: true }));

  const guests = new Map<number, SimulatedGuest>();
  const add = (vmid: number, captured: unknown): SimulatedGuest => {
    const guest = new SimulatedGuest({
      vmid,
      directory,
      captured,
      acknowledge: (...write) => acknowledge(vmid, ...write),
      log,
    });
    guests.set(vmid, guest);
    return guest;
  };
  undo.defer(() => Promise.all([...guests.values()].map((guest) => guest.stop())));
  const node = await startNode({
    backend: makeBackend({ guests: [{ vmid: original, config: guestConfig(original) }], content: add }),
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
    ...configure,
    listen: { address: '127.0.0.1', port: 0 },
    stateDir: join(directory, 'controller'),
    nodes: [node.config],
  });
  const controller = await startController({ config, log });
  undo.defer(() => controller[Symbol.asyncDispose]());
  return {
    controller,
    guest(vmid) {
      const guest = guests.get(vmid);
      if (guest === undefined) throw new Error(`there is no guest ${vmid}`);
      return guest;
    },
    add,
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
