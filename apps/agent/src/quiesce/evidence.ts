import type { QuiescePlan, ServiceEvidence } from '@tacet/protocol';
import type { ServiceHold } from '../methods/method.ts';
import type { PreparedService } from './prepared-service.ts';
import type { StallProbe } from './stall-probe.ts';

interface HoldTimes {
  startedAt: number;
  heldAt: number;
  thawedAt: number | null;
  intact: boolean | null;
}

/** When each hold came about and ended; told per service, whose holds are one to whoever asks. */
export class Evidence {
  readonly #times = new Map<ServiceHold, HoldTimes>();

  get holds(): ServiceHold[] {
    return [...this.#times.keys()];
  }

  held(hold: ServiceHold, startedAt: number, heldAt: number): void {
    this.#times.set(hold, { startedAt, heldAt, thawedAt: null, intact: null });
  }

  /** False stays: a hold that was lost once proves nothing, whatever is seen later. */
  intact(hold: ServiceHold, intact: boolean): void {
    const times = this.#times.get(hold);
    if (times) times.intact = times.intact !== false && intact;
  }

  thawed(hold: ServiceHold, at: number): void {
    const times = this.#times.get(hold);
    if (times) times.thawedAt ??= at;
  }

  services(
    plan: QuiescePlan,
    prepared: ReadonlyMap<string, PreparedService>,
    probes: ReadonlyMap<string, StallProbe>,
  ): ServiceEvidence[] {
    return plan.services.flatMap(({ stack, service, containerId, method }) => {
      const holds = this.holds.filter(({ record }) => record.containerId === containerId);
      const times = holds.map((hold) => this.#times.get(hold)).filter((one) => one !== undefined);
      if (times.length === 0) return [];
      const { facts, flush, prepareMs } = prepared.get(containerId) ?? {};
      return {
        stack,
        service,
        containerId,
        method,
        holds: holds.map(({ record }) => record.action),
        engine: facts?.engine ?? null,
        prepareMs: prepareMs ?? 0,
        bytesFlushed: flush?.bytesFlushed ?? null,
        behindSince: flush?.behindSince ?? null,
        holdStartedAt: Math.min(...times.map(({ startedAt }) => startedAt)),
        heldAt: Math.max(...times.map(({ heldAt }) => heldAt)),
        thawedAt: latest(times.map(({ thawedAt }) => thawedAt)),
        probeStallMs: probes.get(containerId)?.longestMs ?? null,
        intactUntilThaw: all(times.map(({ intact }) => intact)),
      };
    });
  }
}

/** Null while one of them is null. */
function latest(times: readonly (number | null)[]): number | null {
  return times.reduce((one, other) => (one === null || other === null ? null : Math.max(one, other)));
}

function all(seen: readonly (boolean | null)[]): boolean | null {
  if (seen.includes(false)) return false;
  return seen.includes(null) ? null : true;
}
