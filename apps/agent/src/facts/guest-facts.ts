import type { GuestFacts } from '@tacet/protocol';
import { discover } from '../discovery/compose.ts';
import type { Engine } from '../engine/engine.ts';
import type { GuestHost } from '../guest/guest.ts';
import { mountsOutside } from '../quiesce/data-outside.ts';

/** @throws TacetError `engine-unreachable` */
export async function lookAtGuest(
  engine: Engine,
  host: Pick<GuestHost, 'mounts'>,
  signal: AbortSignal,
): Promise<GuestFacts> {
  const [version, storageDriver, containers, mounts] = await Promise.all([
    engine.version(signal),
    engine.storageDriver(signal),
    engine.containers(signal),
    host.mounts(),
  ]);
  const outside = discover(containers).flatMap(({ stack, service, container }) =>
    mountsOutside(container.mounts, mounts).map(({ source, target, mount }) => ({
      stack,
      service,
      source,
      target,
      mount: mount === undefined ? null : { mountPoint: mount.mountPoint, type: mount.type },
    })),
  );
  return { engine: { version, storageDriver }, outside };
}
