import type { ThawResult } from '@tacet/protocol';
import { Failure } from '../failure.ts';
import type { BackupDeps } from './backup-job.ts';
import { jobClock } from './job-clock.ts';
import type { AgentPort } from './ports.ts';
import { QuiesceWindow, stallMs } from './quiesce-window.ts';
import type { Recorder } from './recorder.ts';

/** A rehearsal thaws at once: its lease is only for the case that nobody is left to do so. */
const LEASE_MS = 10_000;

/** @throws Failure `guest-not-connected`, `guest-quarantined` */
export function requireAgent(vmid: number, agents: Pick<AgentPort, 'presence'>, hint: string): void {
  const presence = agents.presence(vmid);
  if (presence === 'connected') return;
  if (presence === 'quarantined') {
    throw new Failure('guest-quarantined', `the only agent of guest ${vmid} is a quarantined copy`, { hint });
  }
  throw new Failure('guest-not-connected', `no agent of guest ${vmid} is connected`, {
    hint,
    retryable: true,
  });
}

/**
 * Prepares, holds and thaws as for a backup, without one.
 *
 * @returns what it was like, in words.
 * @throws Failure `hold-failed` where a backup now would be only crash-consistent; nothing is held then either.
 */
export async function runRehearsal(
  vmid: number,
  deps: Pick<BackupDeps, 'agents' | 'clock' | 'limits'>,
  recorder: Recorder,
  signal: AbortSignal,
): Promise<string> {
  const now = jobClock(deps.clock);
  const limits = { ...deps.limits, leaseMs: Math.min(LEASE_MS, deps.limits.leaseMs) };
  const window = new QuiesceWindow({
    ...deps,
    limits,
    vmid,
    quiesceId: recorder.operationId,
    now,
    recorder,
    signal,
  });
  try {
    const notHeldBecause = await window.open();
    await window.thaw('a rehearsal is over as soon as everything is held');
    const trouble = notHeldBecause ?? whyNotHeld(window.thawed);
    if (trouble !== undefined) {
      throw new Failure('hold-failed', `guest ${vmid} could not be held: ${trouble}`, {
        hint: 'A backup now would be only crash-consistent.',
      });
    }
    return describe(window);
  } finally {
    await window.thaw('the job leaves its hold');
  }
}

/** As the verdict of a backup would see it. */
function whyNotHeld(thawed: ThawResult | undefined): string | undefined {
  if (thawed === undefined) return 'nobody saw how the hold ended';
  const { releasedBy, services, failures } = thawed;
  if (releasedBy !== 'controller') return `the hold had ended before: ${releasedBy ?? 'nothing was held'}`;
  const lost = services.find(({ intactUntilThaw }) => intactUntilThaw !== true);
  if (lost !== undefined) return `${lost.stack}/${lost.service} was no longer held at the thaw`;
  const failed = failures[0];
  return failed && `${failed.stack}/${failed.service}: ${failed.message}`;
}

function describe({ thawed, prepareMs = 0 }: QuiesceWindow): string {
  const services = thawed?.services ?? [];
  const stalls = services.map((service) => service.probeStallMs ?? stallMs(service) ?? 0);
  const count = services.length === 1 ? '1 service was' : `${services.length} services were`;
  return `${count} held, after ${Math.round(prepareMs)} ms of preparation; writes waited for at most ${Math.max(0, ...stalls)} ms`;
}
