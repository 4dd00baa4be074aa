import { compareMarkers, type DataComparison } from '@tacet/core';
import { runWithin, TacetError } from '@tacet/runtime';
import type { EngineContainer } from '../../engine/engine.ts';
import { newEngineMethod } from '../../methods/make-method.ts';
import type { MethodPorts } from '../../methods/method.ts';
import type { DataCheck } from './data-checks-file.ts';

/** For an engine that looks through its own files: most of it for what it must finish once it has begun. */
const inspection = { ms: 10_000, depth: 'quick' } as const;
const comparisonMs = 120_000;

/**
 * Asks a database where it stands, and compares. @throws TacetError where it does not answer, which says nothing
 * about its data
 */
export async function compareData(
  check: DataCheck,
  container: EngineContainer,
  ports: MethodPorts,
  signal: AbortSignal,
): Promise<DataComparison> {
  const { stack, service, marker, extent, isRestored, containerId } = check;
  if (marker === null) return { compared: [], differences: [], left: [] };
  if (extent === 'later' && !isRestored && container.id !== containerId) {
    return { compared: [], differences: [], left: ['its container was made anew since the marker'] };
  }
  const what = `comparing the data of ${stack}/${service}`;
  const cgroup = await ports.freezer.cgroupOf(container.pid);
  const method = newEngineMethod(marker.engine, { stack, service, container, cgroup }, 'sweep', ports);
  try {
    return await runWithin(
      signal,
      comparisonMs,
      what,
      async (within) => {
        const looked = isRestored ? await method.inspect?.(inspection, within) : undefined;
        const now = await method.marker?.(within, marker);
        if (!now) throw new TacetError('it does not say where it stands', { code: 'engine-unreachable' });
        const { compared, differences, left } = compareMarkers(marker, now, extent);
        const known = new Set(differences.map((difference) => difference.marker));
        const more = (looked?.findings ?? []).filter((finding) => !known.has(finding.marker));
        return {
          compared: [...compared, ...(looked?.looked ?? [])],
          differences: [...differences, ...more],
          left,
        };
      },
      { clock: ports.clock },
    );
  } finally {
    await method.close();
  }
}
