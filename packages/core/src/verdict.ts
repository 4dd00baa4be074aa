import type { QuiescePlan, RequestResult, ServiceEvidence, Verdict } from '@tacet/protocol';
import { heldUnflushed } from './quiesce-planner.ts';

/**
 * What the controller saw of one backup, moment by moment. A moment that did not happen is undefined. All
 * times are the controller's.
 */
export interface BackupObservation {
  plan: QuiescePlan | undefined;
  /** Why nothing was held, where nothing was. */
  notHeldBecause: string | undefined;
  holdConfirmedAt: number | undefined;
  backupRequestedAt: number | undefined;
  /** The mode that vzdump worked in, as its log says; it may not be the one that was asked for. */
  mode: 'snapshot' | 'suspend' | 'stop' | undefined;
  snapshotSeenAt: number | undefined;
  snapshotLine: string | undefined;
  thawSentAt: number | undefined;
  leaseLeftMs: number | undefined;
  thaw: RequestResult<'thaw'> | undefined;
}

/**
 * `app` needs every link of the chain: held → requested → snapshot seen → thaw sent, ended by that thaw and
 * by nothing else, every service still held until then. A link that is known to be broken makes it `crash`;
 * one that nobody saw makes it `unknown`.
 */
export function judge(seen: BackupObservation): Verdict {
  const { holdConfirmedAt, backupRequestedAt, snapshotSeenAt, snapshotLine, thawSentAt, leaseLeftMs, thaw } =
    seen;
  const say = (consistency: Verdict['consistency'], reason: string, message: string): Verdict => ({
    consistency,
    reason,
    message,
    proof: null,
    services: thaw?.services ?? [],
    uncovered: seen.plan?.uncovered ?? [],
    ...(seen.plan?.comingBack && { comingBack: seen.plan.comingBack }),
  });

  if (seen.notHeldBecause !== undefined) return say('crash', 'NotHeld', seen.notHeldBecause);
  if (holdConfirmedAt === undefined) return say('crash', 'NotHeld', 'no hold was confirmed');
  if (seen.mode !== undefined && seen.mode !== 'snapshot') {
    return say(
      'crash',
      'NoSnapshot',
      `Proxmox VE worked in ${seen.mode} mode: the hold cannot span the whole copy`,
    );
  }
  if (
    seen.mode === undefined ||
    backupRequestedAt === undefined ||
    snapshotSeenAt === undefined ||
    snapshotLine === undefined
  ) {
    return say('unknown', 'SnapshotNotSeen', 'the task log never showed that the snapshot exists');
  }
  if (backupRequestedAt < holdConfirmedAt) {
    return say('crash', 'HeldTooLate', 'the backup was requested before everything was held');
  }
  if (thawSentAt === undefined || thaw === undefined || leaseLeftMs === undefined) {
    return say(
      'unknown',
      'ThawNotSeen',
      'nobody saw how the hold ended; its lease may have expired before the snapshot',
    );
  }
  if (thaw.releasedBy !== 'controller') {
    return say(
      'crash',
      'HoldLost',
      `the hold had ended before the thaw: ${thaw.releasedBy ?? 'nothing was held'}`,
    );
  }
  if (thawSentAt < snapshotSeenAt) {
    return say('crash', 'ThawedTooEarly', 'the thaw was sent before the snapshot was seen');
  }
  const lost = thaw.services.find((service) => service.intactUntilThaw !== true);
  if (lost) {
    const why = thaw.failures.find(
      ({ stack, service, phase }) => phase === 'hold' && stack === lost.stack && service === lost.service,
    );
    const words = `${lost.stack}/${lost.service} was no longer held at the thaw`;
    return say('crash', 'ServiceNotHeld', why ? `${words}: ${why.message}` : words);
  }
  const unheld = thaw.failures.find((failure) => failure.phase === 'hold');
  if (unheld) {
    const who = unheld.service === '' ? '' : `${unheld.stack}/${unheld.service} `;
    return say('crash', 'ServiceNotHeld', `not everything that ran was held: ${who}${unheld.message}`);
  }
  if (thaw.services.length === 0)
    return say('crash', 'NothingHeld', 'the guest runs nothing that could be held');

  return {
    ...say('app', 'HoldSpansSnapshot', describeCover(thaw.services, seen.plan)),
    proof: {
      kind: 'order-of-request',
      holdConfirmedAt,
      backupRequestedAt,
      snapshotSeenAt,
      snapshotLine,
      thawSentAt,
      leaseLeftMs,
    },
  };
}

/** What the verdict covers, and what an operator would be surprised to miss in a copy that is called consistent. */
function describeCover(held: readonly ServiceEvidence[], plan: QuiescePlan | undefined): string {
  const services = held.length === 1 ? '1 service was' : `${held.length} services were`;
  const leftOut = plan?.uncovered.length ?? 0;
  const behind = held.flatMap(({ stack, service, heldAt, behindSince }) =>
    behindSince === null ? [] : [`${stack}/${service} by ${describeAge(heldAt - behindSince)}`],
  );
  const unflushed = plan ? heldUnflushed(plan).map(({ stack, service }) => `${stack}/${service}`) : [];
  return [
    `${services} held from before the snapshot until after it`,
    ...(leftOut === 0 ? [] : [`${leftOut} left out on purpose`]),
    ...(behind.length === 0 ? [] : [`the copy is behind the last acknowledged write: ${behind.join(', ')}`]),
    ...(unflushed.length === 0
      ? []
      : [
          `not flushed because of a label, so without an append-only file only as new as the last dump: ${unflushed.join(', ')}`,
        ]),
  ].join('; ');
}

function describeAge(ms: number): string {
  return ms < 1_000 ? `${ms} ms` : `${(ms / 1_000).toFixed(1)} s`;
}
