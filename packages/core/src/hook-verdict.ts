import type { Verdict } from '@tacet/protocol';
import { type BackupObservation, judge } from './verdict.ts';

/**
 * What the controller saw of a backup through vzdump's hook script, moment by moment; a moment that did not
 * happen is undefined. All times are the controller's.
 */
export interface HookObservation extends Pick<
  BackupObservation,
  'mode' | 'plan' | 'notHeldBecause' | 'holdConfirmedAt' | 'thawSentAt' | 'leaseLeftMs' | 'thaw'
> {
  /** False for a controller that came when vzdump was already at work on the guest. */
  readonly sawBeginning: boolean;
  /** vzdump called `pre-stop`: it does so for a guest that runs. */
  readonly wasRunning: boolean;
  /** The script, for which vzdump waited, was let go; undefined where it had given up waiting before that. */
  readonly snapshotAllowedAt: number | undefined;
  readonly snapshotSeenAt: number | undefined;
  readonly snapshotCall: string | undefined;
}

/**
 * In snapshot mode the calls are the proof: vzdump waits at `pre-stop` until everything is held, and calls
 * `pre-restart` when it has its snapshot. The other modes have no such instant, and are never `app`:
 *
 * - `suspend` copies twice with rsync, the second time while the guest is frozen. That pass leaves out what has
 *   the size and the second of change of its first copy, so what was written twice within a second may be old.
 * - `stop` shuts the guest down. Nobody sees whether its services ended by themselves or ran out of time.
 */
export function judgeHook(seen: HookObservation): Verdict {
  const { mode, notHeldBecause: why, snapshotAllowedAt } = seen;
  const moments: BackupObservation = {
    ...seen,
    backupRequestedAt: snapshotAllowedAt,
    snapshotLine: seen.snapshotCall,
  };
  const crash = (reason: string, message: string): Verdict => ({
    ...judge({ ...moments, notHeldBecause: message }),
    reason,
  });

  if (!seen.sawBeginning) {
    const message = 'the controller was not there, or was restarted, when Proxmox VE began with this guest';
    return { ...crash('BeginningNotSeen', message), consistency: 'unknown' };
  }
  if (mode === 'stop' && !seen.wasRunning) {
    return crash('GuestNotRunning', 'the guest did not run: it was copied as it lay');
  }
  if (mode === 'stop') {
    const before = why === undefined ? 'it was flushed before' : `it could not be flushed before: ${why}`;
    return crash(
      'GuestStopped',
      `the guest was shut down and then copied; ${before}; nobody saw how its services ended`,
    );
  }
  if (why === undefined && snapshotAllowedAt === undefined) {
    return crash('NotHeld', 'Proxmox VE did not wait until everything was held');
  }
  if (mode === 'suspend' && why === undefined && seen.holdConfirmedAt !== undefined) {
    return crash(
      'CopiedInTwoPasses',
      'held for the second pass of rsync, which leaves out what seems unchanged since the first; without a snapshot nothing can be proven',
    );
  }

  const verdict = judge(moments);
  const { proof } = verdict;
  if (proof?.kind !== 'order-of-request') return verdict;
  const { holdConfirmedAt, backupRequestedAt, snapshotSeenAt, snapshotLine, thawSentAt, leaseLeftMs } = proof;
  return {
    ...verdict,
    proof: {
      kind: 'hook',
      holdConfirmedAt,
      snapshotAllowedAt: backupRequestedAt,
      snapshotSeenAt,
      snapshotCall: snapshotLine,
      thawSentAt,
      leaseLeftMs,
    },
  };
}
