import type { BackupObservation } from '@tacet/core';
import type { Verdict } from '@tacet/protocol';
import { GuestNotHereError, type ProxmoxError } from '@tacet/proxmox';
import { Failure } from '../failure.ts';
import { annotate } from './annotate.ts';
import type { TaskSightings } from './backup-attempt.ts';
import type { FinishedBackup } from './backup-job.ts';
import { leftBehind } from './left-behind.ts';
import type { NodePort } from './ports.ts';
import type { Recorder } from './recorder.ts';
import { volidOf } from './volid.ts';

/** As Proxmox VE words it; the lock is on the guest for as long as it takes. */
const MIGRATES = /is locked \(migrate\)/;

/** What was followed to its end, by whom, and for whom. */
export interface Followed {
  readonly node: NodePort;
  readonly vmid: number;
  readonly storage: string;
  readonly recorder: Recorder;
  readonly signal: AbortSignal;
}

type End =
  | { readonly kind: 'made' }
  | { readonly kind: 'busy'; readonly error: ProxmoxError }
  | { readonly kind: 'elsewhere'; readonly why: string; readonly error: ProxmoxError };

/**
 * How a task of vzdump ended: `busy` where it did nothing because another holds the node's lock, `elsewhere` where
 * it did nothing because the guest is leaving the node, or has left it.
 *
 * @throws Failure `backup-failed`
 */
export async function requireMade(
  { node, vmid, signal }: Followed,
  { outcome, lockFailed }: TaskSightings,
): Promise<End> {
  if (outcome === undefined) throw new Failure('internal', 'a task was followed to no end');
  if (outcome.status !== 'failed') return { kind: 'made' };
  const { error } = outcome;
  if (lockFailed) return { kind: 'busy', error };
  if (error instanceof GuestNotHereError) {
    return { kind: 'elsewhere', why: `guest ${vmid} has left ${node.name}`, error };
  }
  if (MIGRATES.test(error.message)) {
    return { kind: 'elsewhere', why: `guest ${vmid} is being migrated`, error };
  }
  const left = await leftBehind(node, vmid, signal);
  const hints = [error.hint, left].filter((hint) => hint !== undefined);
  throw new Failure('backup-failed', `${node.name} could not back up guest ${vmid}`, {
    cause: error,
    hint: hints.length === 0 ? undefined : hints.join(' '),
  });
}

/** What the moments of `seen` are together with what the task's log has shown. */
export function withSightings(seen: BackupObservation, sightings: TaskSightings): BackupObservation {
  const { mode, snapshotSeenAt, snapshotLine } = sightings;
  return { ...seen, mode, snapshotSeenAt, snapshotLine };
}

/** The backup is made: asks for its size, and writes its verdict into its notes. */
export async function finishBackup(
  { node, vmid, storage, recorder, signal }: Followed,
  { archive }: TaskSightings,
  verdict: Verdict,
  startedAt: number,
  now: () => number,
): Promise<FinishedBackup> {
  recorder.step('verdict', `${verdict.consistency}: ${verdict.message}`);
  if (archive === undefined) {
    throw new Failure('backup-failed', 'the task ended well, but its log names no archive');
  }
  const volid = volidOf(storage, archive.path);
  const { sizeBytes } = await annotate(() => node, volid, verdict, recorder, signal);
  const origin = 'controller';
  const backup = {
    vmid,
    node: node.name,
    volid,
    sizeBytes,
    startedAt,
    finishedAt: now(),
    origin,
    verdict,
  } as const;
  return { backup, storage };
}
