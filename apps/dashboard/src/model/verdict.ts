import type { Backup, Consistency, Proof, ServiceEvidence, Verdict } from '@tacet/protocol';
import { durationOf } from './numbers.ts';
import type { Said } from './state.ts';

const said: Record<Consistency, Said> = {
  app: { tone: 'good', words: 'app-consistent' },
  crash: { tone: 'watch', words: 'crash-consistent' },
  unknown: { tone: 'unknown', words: 'not proven' },
};

export function consistencySaid(consistency: Consistency): Said {
  return said[consistency];
}

/** What a consistency means for whoever restores such a backup. */
export function meaningOf({ consistency }: Verdict): string {
  if (consistency === 'app') {
    return 'Every service stood still while the snapshot was taken, and it is proven. A restore begins from one point in time.';
  }
  if (consistency === 'crash') {
    return 'Like pulling the plug: databases that survive a power failure recover by themselves; what they had not yet written is missing.';
  }
  return 'Nobody saw all of it. It may be consistent; treat it as if the plug had been pulled.';
}

export interface ProofMoment {
  readonly at: number;
  readonly words: string;
  /** What Proxmox VE said, word for word. */
  readonly quote: string | null;
}

/** Moments that the controller itself saw, in their order. */
export function proofMoments(proof: Proof): ProofMoment[] {
  const between: ProofMoment[] =
    proof.kind === 'hook'
      ? [
          {
            at: proof.snapshotAllowedAt,
            words: 'vzdump, which had waited for that, was let go on: no snapshot can be older',
            quote: null,
          },
          {
            at: proof.snapshotSeenAt,
            words: 'vzdump called its hook with a phase that comes after the snapshot',
            quote: proof.snapshotCall,
          },
        ]
      : [
          {
            at: proof.backupRequestedAt,
            words: 'Proxmox VE was asked for it: no snapshot can be older',
            quote: null,
          },
          {
            at: proof.snapshotSeenAt,
            words: 'its log showed that the snapshot exists',
            quote: proof.snapshotLine,
          },
        ];
  return [
    { at: proof.holdConfirmedAt, words: 'every service was held', quote: null },
    ...between,
    {
      at: proof.thawSentAt,
      words: `the thaw was sent, with ${durationOf(proof.leaseLeftMs)} of the lease left; it, and nothing else, ended the hold`,
      quote: null,
    },
  ];
}

/** The time in which a service's writes were blocked: as a probe saw it, else from the first hold to the thaw. */
export function stallOf(service: ServiceEvidence): number | null {
  if (service.probeStallMs !== null) return service.probeStallMs;
  return service.thawedAt === null ? null : service.thawedAt - service.holdStartedAt;
}

/** Of all services; null where nothing was held, or nobody saw an end. */
export function longestStall({ verdict }: Pick<Backup, 'verdict'>): number | null {
  const stalls = verdict.services.map(stallOf).filter((stall) => stall !== null);
  return stalls.length === 0 ? null : Math.max(...stalls);
}
