import { failed } from '../api/errors.ts';
import type { StorageCatalog } from '../storage/storage-catalog.ts';
import { configDigest, configText, type GuestConfig, type MountPoint, mountPoints } from './config.ts';

export interface GuestSnapshot {
  readonly name: string;
  readonly description: string;
  /** Epoch seconds. */
  readonly snaptime: number;
  readonly parent: string | undefined;
  readonly config: GuestConfig;
}

/** What /etc/pve/nodes/NODE/lxc/VMID.conf holds. */
export class Guest {
  readonly vmid: number;
  node: string;
  config: GuestConfig;
  lock: string | undefined;
  parent: string | undefined;
  readonly snapshots = new Map<string, GuestSnapshot>();

  constructor(vmid: number, node: string, config: GuestConfig) {
    this.vmid = vmid;
    this.node = node;
    this.config = config;
  }

  get name(): string {
    return String(this.config['hostname'] ?? `CT${this.vmid}`);
  }

  get mountPoints(): readonly MountPoint[] {
    return mountPoints(this.config);
  }

  get digest(): string {
    const snapshots = [...this.snapshots.values()].map(
      (snapshot) => `[${snapshot.name}]\n${configText(snapshot.config)}`,
    );
    const own = configText({
      ...this.config,
      ...(this.lock === undefined ? {} : { lock: this.lock }),
      ...(this.parent === undefined ? {} : { parent: this.parent }),
    });
    return configDigest([own, ...snapshots].join('\n'));
  }

  /** Throws when something holds the guest already. */
  setLock(lock: string): void {
    this.requireUnlocked();
    this.lock = lock;
  }

  requireUnlocked(): void {
    if (this.lock !== undefined) throw failed(`CT is locked (${this.lock})`);
  }

  /** Whether these volumes can be snapshotted, by what their storages are. */
  canSnapshot(storages: StorageCatalog, volumes: readonly MountPoint[] = this.mountPoints): boolean {
    return volumes.every((volume) => volume.kind === 'volume' && storages.canSnapshot(volume.storage));
  }
}

export class GuestRegistry {
  readonly #guests = new Map<number, Guest>();

  get(vmid: number): Guest | undefined {
    return this.#guests.get(vmid);
  }

  all(): Guest[] {
    return [...this.#guests.values()].toSorted((a, b) => a.vmid - b.vmid);
  }

  add(guest: Guest): void {
    this.#guests.set(guest.vmid, guest);
  }

  remove(vmid: number): void {
    this.#guests.delete(vmid);
  }

  /** Throws the 500 that Proxmox VE answers for a guest that is not on this node. */
  on(node: string, vmid: number): Guest {
    const guest = this.#guests.get(vmid);
    if (guest?.node !== node) {
      throw failed(`Configuration file 'nodes/${node}/lxc/${vmid}.conf' does not exist`);
    }
    return guest;
  }
}
