import { failed } from '../api/errors.ts';
import type { Guest } from '../guests/guest-registry.ts';
import type { World } from '../world.ts';

/** PVE::AbstractConfig's `snapshot_create`: all volumes of the guest as one cut. */
export async function createSnapshot(
  world: World,
  guest: Guest,
  name: string,
  description: string,
): Promise<void> {
  guest.requireUnlocked();
  if (guest.snapshots.has(name)) throw failed(`snapshot name '${name}' already used`);
  const volumes = guest.mountPoints.filter((point) => name !== 'vzdump' || point.backup);
  const included = volumes.filter((point) => name !== 'vzdump' || point.kind === 'volume');
  if (!guest.canSnapshot(world.storages, included)) throw failed('snapshot feature is not available');
  guest.lock = 'snapshot';
  try {
    await world.backend.snapshot(
      guest.vmid,
      name,
      included.map((point) => point.key),
    );
  } finally {
    guest.lock = undefined;
  }
  guest.snapshots.set(name, {
    name,
    description: `${description.trimEnd()}\n`,
    snaptime: Math.floor(Date.now() / 1000),
    parent: guest.parent,
    config: guest.config,
  });
  guest.parent = name;
}

export async function deleteSnapshot(world: World, guest: Guest, name: string): Promise<void> {
  const snapshot = guest.snapshots.get(name);
  if (snapshot === undefined) throw failed(`snapshot '${name}' does not exist`);
  guest.requireUnlocked();
  guest.lock = 'snapshot-delete';
  try {
    await world.backend.deleteSnapshot(guest.vmid, name);
  } finally {
    guest.lock = undefined;
  }
  guest.snapshots.delete(name);
  if (guest.parent === name) guest.parent = snapshot.parent;
  for (const [key, other] of guest.snapshots) {
    if (other.parent === name) guest.snapshots.set(key, { ...other, parent: snapshot.parent });
  }
}

/** A running guest is stopped and stays stopped. */
export async function rollback(world: World, guest: Guest, name: string): Promise<void> {
  const snapshot = guest.snapshots.get(name);
  if (snapshot === undefined) throw failed(`snapshot '${name}' does not exist`);
  guest.requireUnlocked();
  guest.lock = 'rollback';
  try {
    if ((await world.backend.state(guest.vmid)).running) await world.backend.stop(guest.vmid);
    await world.backend.rollback(guest.vmid, name);
  } finally {
    guest.lock = undefined;
  }
  guest.config = snapshot.config;
  guest.parent = name;
}
