import type { Incarnation, Manifest } from '@tacet/protocol';
import type { Recovery } from '../quiesce/recovery.ts';
import type { HealRecord } from './heal-record.ts';

/** What is found on the disk at the agent's start, before anything of it is changed. */
export interface FoundOnStart {
  manifest: Manifest | undefined;
  record: HealRecord | null;
  bootId: string;
  incarnation: Incarnation;
}

/**
 * The manifest that this copy may have to be healed from. In the boot that wrote it nothing was stopped by a
 * crash or a restore, and what was healed once is not healed again.
 */
export function healCandidate(found: FoundOnStart): Manifest | undefined {
  const { manifest, bootId } = found;
  if (manifest === undefined || manifest.bootId === bootId) return undefined;
  return typeof recordOfThisCopy(found)?.finishedAt === 'number' ? undefined : manifest;
}

/**
 * Why a candidate must be healed; undefined where it need not. A plain reboot with an idle journal need not:
 * there the engine's restart policies are what the operator wants.
 */
export function whyHeal(found: FoundOnStart, recovery: Recovery): string | undefined {
  const { incarnation } = found;
  const manifest = healCandidate(found);
  if (manifest === undefined) return undefined;
  const begun = recordOfThisCopy(found);
  if (begun) return begun.because;
  const before = manifest.incarnation.vmid;
  if (before !== null && incarnation.vmid !== null && before !== incarnation.vmid) {
    return `this is a restored copy: guest ${before} wrote the manifest, this is ${incarnation.vmid}`;
  }
  switch (recovery.kind) {
    case 'unreadable':
      return recovery.message;
    case 'thawing':
      return recovery.record.operationId === manifest.operationId
        ? `the guest went down, or was copied, while it was ${recovery.record.state} for a backup`
        : undefined;
    case 'nothing-owed':
      return undefined;
  }
}

/** What this very copy has done about the newest manifest: the record of the original does not count. */
export function recordOfThisCopy({ record, manifest, incarnation }: FoundOnStart): HealRecord | undefined {
  if (record === null || record.operationId !== manifest?.operationId) return undefined;
  return record.vmid === incarnation.vmid ? record : undefined;
}
