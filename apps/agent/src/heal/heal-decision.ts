import type { Incarnation, Manifest } from '@tacet/protocol';
import type { Recovery } from '../quiesce/recovery.ts';
import type { HealRecord } from './heal-record.ts';

/** What is found on the disk at the agent's start, before anything of it is changed. */
export interface FoundOnStart {
  manifest: Manifest | undefined;
  /** What ran when an agent on this disk last looked. */
  standing: Manifest | undefined;
  record: HealRecord | null;
  bootId: string;
  incarnation: Incarnation;
}

/** Towards what is healed, and why. */
export interface HealOrder {
  /**
   * `restore` brings back what ran, whatever it takes; `reboot` and `engine-return` only what should have come
   * back by itself and has not.
   */
  kind: 'restore' | 'reboot' | 'engine-return';
  manifest: Manifest;
  because: string;
}

/** After the recovery has said what was owed; undefined where nothing is to be healed. */
export function decideHeal(found: FoundOnStart, recovery: Recovery): HealOrder | undefined {
  const { manifest, standing, bootId, incarnation } = found;
  const because = whyHeal(found, recovery);
  if (because !== undefined && manifest) return { kind: 'restore', manifest, because };
  if (!standing || standing.bootId === bootId) return undefined;
  const before = standing.incarnation.vmid;
  if (isOtherGuest(standing, incarnation)) {
    const copy = `this is a restored copy: guest ${before} was last looked at, this is ${incarnation.vmid}`;
    return { kind: 'restore', manifest: standing, because: copy };
  }
  return { kind: 'reboot', manifest: returning(standing), because: 'the guest was started again' };
}

/** What the engine should bring back by itself. What has no restart policy is the operator's to start. */
export function returning(standing: Manifest): Manifest {
  const services = standing.services.filter(({ restartPolicy }) => restartPolicy !== 'no');
  return { ...standing, services };
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
 * there it is old, and the engine's restart policies are what the operator wants.
 */
export function whyHeal(found: FoundOnStart, recovery: Recovery): string | undefined {
  const { incarnation } = found;
  const manifest = healCandidate(found);
  if (manifest === undefined) return undefined;
  const begun = recordOfThisCopy(found);
  if (begun) return begun.because;
  const before = manifest.incarnation.vmid;
  // What an agent has looked at since is the newer word: a backup that was made without one, or a copy of old.
  const isNewest = found.standing === undefined || found.standing.takenAt <= manifest.takenAt;
  if (isNewest && isOtherGuest(manifest, incarnation)) {
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

function isOtherGuest({ incarnation: { vmid: before } }: Manifest, { vmid }: Incarnation): boolean {
  return before !== null && vmid !== null && before !== vmid;
}

/** What this very copy has done about the newest manifest: the record of the original does not count. */
export function recordOfThisCopy({ record, manifest, incarnation }: FoundOnStart): HealRecord | undefined {
  if (record === null || record.operationId !== manifest?.operationId) return undefined;
  return record.vmid === incarnation.vmid ? record : undefined;
}
