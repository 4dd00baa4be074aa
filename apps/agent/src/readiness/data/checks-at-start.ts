import type { MarkerExtent } from '@tacet/core';
import type { Manifest, ServiceMarker } from '@tacet/protocol';
import type { Recovery } from '../../quiesce/recovery.ts';
import type { DataCheck, DataChecks } from './data-checks-file.ts';

export interface FoundData {
  manifest: Manifest | undefined;
  record: DataChecks | null;
  bootId: string;
  vmid: number | null;
  recovery: Recovery;
}

/**
 * What has to be compared at this start of the agent. In the boot that took the markers nothing: there every
 * database goes on from where it was. What was found in this boot stays found; what differed stays so over starts,
 * until it is right or accepted.
 */
export function checksAtStart(found: FoundData): DataCheck[] {
  const { manifest, record, bootId, vmid } = found;
  const own = record?.vmid === vmid ? record : null;
  if (own?.bootId === bootId) return own.checks;
  const open = own?.checks.filter(({ outcome: { kind } }) => kind === 'pending' || kind === 'differs') ?? [];
  if (manifest === undefined || manifest.bootId === bootId) return open;
  const { extent, isRestored } = relationTo(manifest, found);
  const stands = new Set(open.filter(({ outcome }) => outcome.kind === 'differs').map(nameOf));
  // One that never answered keeps the closer look that it was due, unless it has given a newer marker since.
  const waiting = new Map(
    open.filter(({ outcome }) => outcome.kind === 'pending').map((check) => [nameOf(check), check]),
  );
  const fresh = (manifest.markers ?? [])
    .filter((marker) => !stands.has(nameOf(marker)))
    .map((marker): DataCheck => {
      const before = waiting.get(nameOf(marker));
      return before?.takenAt === marker.takenAt ? before : pending(marker, extent, isRestored);
    });
  return [...open.filter(({ outcome }) => outcome.kind === 'differs'), ...fresh];
}

/** The journal of a copy says whether it was made in the hold that followed the markers. */
function relationTo(
  manifest: Manifest,
  { vmid, recovery }: FoundData,
): { extent: MarkerExtent; isRestored: boolean } {
  const wasHeld = recovery.kind === 'thawing' && recovery.record.operationId === manifest.operationId;
  const before = manifest.incarnation.vmid;
  const isOther = vmid !== null && before !== null && vmid !== before;
  return { extent: wasHeld ? 'hold' : 'later', isRestored: wasHeld || isOther };
}

function pending(
  { stack, service, containerId, containerName, takenAt, marker }: ServiceMarker,
  extent: MarkerExtent,
  isRestored: boolean,
): DataCheck {
  return {
    stack,
    service,
    containerId,
    containerName,
    takenAt,
    extent,
    isRestored,
    marker,
    outcome: { kind: 'pending' },
  };
}

function nameOf({ stack, service }: { stack: string; service: string }): string {
  return `${stack}/${service}`;
}
