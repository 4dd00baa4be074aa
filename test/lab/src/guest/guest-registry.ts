import { randomBytes } from 'node:crypto';
import { rename } from 'node:fs/promises';
import { join } from 'node:path';
import { assertVmid, guestMac, uniqueMac } from '../addresses.ts';
import { paths } from '../host/paths.ts';
import { run } from '../host/run.ts';
import { createSubvolume, deleteSubvolume, snapshotSubvolume, subvolumePath } from '../host/storage.ts';
import { templateSubvolume } from '../images/build-template.ts';
import type { Guest, Lab } from '../types.ts';
import { type ArchivedConfig, forgetTemporaryFiles, unpackArchive } from './archive.ts';
import { type GuestDescription, loadDescription, loadDescriptions, saveDescription } from './description.ts';
import { writeGuestFile } from './files.ts';
import { guestHandle } from './guest-handle.ts';
import { firstSubordinateId } from './lxc-config.ts';
import { snapshotPath } from './snapshots.ts';

const defaultMemoryMb = 2048;

/** The guests there are; makes new ones from the template, an archive or a snapshot. */
export class GuestRegistry {
  readonly #guests = new Map<number, Guest>();

  static async load(): Promise<GuestRegistry> {
    const registry = new GuestRegistry();
    for (const description of await loadDescriptions()) registry.#add(description);
    return registry;
  }

  get(vmid: number): Guest | undefined {
    return this.#guests.get(vmid);
  }

  all(): Guest[] {
    return [...this.#guests.values()];
  }

  async create(wanted: Parameters<Lab['createGuest']>[0]): Promise<Guest> {
    const { vmid, hostname = `guest-${vmid}`, memoryMb = defaultMemoryMb, signal } = wanted;
    assertVmid(vmid);
    if (this.#guests.has(vmid)) throw new Error(`guest ${vmid} already exists`);
    const rootPath = subvolumePath(paths.storage, vmid);
    await snapshotSubvolume(join(paths.storage, templateSubvolume), rootPath, { readOnly: false, signal });
    await writeGuestFile(vmid, false, '/etc/machine-id', `${randomBytes(16).toString('hex')}\n`, 0o444);
    await writeHostname(vmid, hostname);
    const description = { vmid, hostname, memoryMb, mac: guestMac(vmid) };
    await saveDescription(description);
    return this.#add(description);
  }

  async restore(wanted: Parameters<Lab['restoreGuest']>[0]): Promise<Guest> {
    const { vmid, signal } = wanted;
    assertVmid(vmid);
    const existing = this.#guests.get(vmid);
    if (existing && !wanted.force) throw new Error(`guest ${vmid} already exists`);
    if (existing && (await existing.status()) !== 'stopped') throw new Error(`guest ${vmid} is running`);
    const unpacked = join(paths.storage, `restore-${vmid}`);
    const archived =
      'archive' in wanted
        ? await this.#unpack(wanted.archive, unpacked, signal)
        : await this.#copySnapshot(wanted.snapshot, unpacked, signal);
    await existing?.destroy();
    await rename(unpacked, subvolumePath(paths.storage, vmid));
    const description = {
      vmid,
      hostname: wanted.hostname ?? archived.hostname,
      memoryMb: wanted.memoryMb ?? archived.memoryMb,
      mac: wanted.mac ?? (wanted.unique ? uniqueMac() : archived.mac),
    };
    if (wanted.hostname !== undefined) await writeHostname(vmid, wanted.hostname);
    await saveDescription(description);
    return this.#add(description);
  }

  /** Into a subvolume of its own: an archive that breaks off must not cost the guest it was to replace. */
  async #unpack(archive: string, target: string, signal?: AbortSignal): Promise<ArchivedConfig> {
    await createSubvolume(target, signal);
    try {
      await run(['chown', `${firstSubordinateId}:${firstSubordinateId}`, target]);
      return await unpackArchive(archive, target, signal);
    } catch (error) {
      await deleteSubvolume(target);
      throw error;
    }
  }

  /** What an archive of that snapshot would unpack to. */
  async #copySnapshot(
    from: { vmid: number; name: string },
    target: string,
    signal?: AbortSignal,
  ): Promise<ArchivedConfig> {
    const { hostname, mac, memoryMb } = await loadDescription(from.vmid);
    await snapshotSubvolume(snapshotPath(from.vmid, from.name), target, { readOnly: false, signal });
    try {
      await forgetTemporaryFiles(target);
    } catch (error) {
      await deleteSubvolume(target);
      throw error;
    }
    return { hostname, mac, memoryMb };
  }

  #add(description: GuestDescription): Guest {
    const guest = guestHandle(description, () => this.#guests.delete(description.vmid));
    this.#guests.set(description.vmid, guest);
    return guest;
  }
}

async function writeHostname(vmid: number, hostname: string): Promise<void> {
  await writeGuestFile(vmid, false, '/etc/hostname', `${hostname}\n`, 0o644);
  await writeGuestFile(vmid, false, '/etc/hosts', `127.0.0.1 localhost\n127.0.1.1 ${hostname}\n`, 0o644);
}
