import type { Manifest } from '@tacet/protocol';
import type { EngineContainer } from '../engine/engine.ts';

/**
 * The manifest with the ids of today: a container that was created anew since (`compose up` after a change)
 * has another id and still the same name, of which an engine has only one.
 */
export function rebind(manifest: Manifest, containers: readonly EngineContainer[]): Manifest {
  const ids = new Set(containers.map(({ id }) => id));
  const idsByName = new Map(containers.map(({ id, name }) => [name, id]));
  return {
    ...manifest,
    services: manifest.services.map((service) => ({
      ...service,
      containerId: ids.has(service.containerId)
        ? service.containerId
        : (idsByName.get(service.containerName) ?? service.containerId),
    })),
  };
}
