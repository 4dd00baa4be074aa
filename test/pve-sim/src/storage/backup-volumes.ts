import type { Call } from '../api/endpoint.ts';
import { failed } from '../api/errors.ts';
import type { World } from '../world.ts';

/** A backup by its volume id: `local:backup/vzdump-lxc-201-2026_11_22-14_10_02.tar.zst`. */
export interface BackupVolume {
  readonly volid: string;
  readonly storage: string;
  readonly file: string;
  readonly path: string;
  readonly vmid: number;
  /** Epoch seconds, from the name. */
  readonly ctime: number;
  /** `tar.zst`. */
  readonly format: string;
}

const NAME = /^vzdump-lxc-(\d+)-(\d{4})_(\d\d)_(\d\d)-(\d\d)_(\d\d)_(\d\d)\.(tar(?:\.(?:zst|gz|lzo|bz2))?)$/;

/** Undefined when the file's name is not that of a container's backup. */
export function backupVolume(world: World, storage: string, file: string): BackupVolume | undefined {
  const match = NAME.exec(file);
  if (match === null) return undefined;
  const [, vmid, year, month, day, hour, minute, second, format = 'tar'] = match;
  const at = new Date(
    Number(year),
    Number(month) - 1,
    Number(day),
    Number(hour),
    Number(minute),
    Number(second),
  );
  return {
    volid: `${storage}:backup/${file}`,
    storage,
    file,
    path: `${world.storages.get(storage).path}/dump/${file}`,
    vmid: Number(vmid),
    ctime: Math.floor(at.getTime() / 1000),
    format,
  };
}

/** Throws Proxmox VE's 500s for a volume id that names no backup. */
export function archiveOf(world: World, volid: string): BackupVolume {
  const match = /^([a-z][a-z0-9_.-]*):(.+)$/i.exec(volid);
  if (match?.[1] === undefined || match[2] === undefined) {
    throw failed(`unable to parse volume ID '${volid}'`);
  }
  const [, storage, name] = match;
  world.storages.get(storage);
  const volume = name.startsWith('backup/') ? backupVolume(world, storage, name.slice(7)) : undefined;
  if (volume === undefined) {
    if (name.startsWith('backup/')) throw failed(`unable to parse directory volume name '${name}'`);
    throw failed(`unable to use volume ${volid} - content type needs to be 'backup'`);
  }
  return volume;
}

/**
 * PVE::Storage's `check_volume_access`: `Datastore.Allocate` on the storage, or `Datastore.AllocateSpace`
 * there and `VM.Backup` on the guest the backup is of.
 */
export function requireVolumeAccess({ world, caller }: Call, volume: BackupVolume): void {
  const path = `/storage/${volume.storage}`;
  if (world.access.allows(caller, path, 'Datastore.Allocate')) return;
  world.access.require(caller, path, 'Datastore.AllocateSpace');
  world.access.require(caller, `/vms/${volume.vmid}`, 'VM.Backup');
}
