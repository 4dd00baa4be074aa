import { type HealPlan, type HealStep, withoutHopelessWaits } from '@tacet/core';

interface Named {
  stack: string;
  service: string;
}

interface Attempts {
  count: number;
  /** Not again before. */
  notBefore: number;
  pauseMs: number;
  /** Why the last one failed; undefined where it did not, and was wanted again all the same. */
  error: string | undefined;
  /** No other try would end otherwise. */
  isFinal: boolean;
}

/** As it should be for so long: it is left alone from then on, whatever happens to it later. */
const settledAfterMs = 30_000;
/** After a crash it has to run for so long before it counts as running. */
const steadyAfterMs = 10_000;
const pauseCapMs = 60_000;

interface Limit {
  maxAttempts: number;
  firstPauseMs: number;
}

const usual: Limit = { maxAttempts: 10, firstPauseMs: 1_000 };
const limits: Partial<Record<HealStep['kind'], Limit>> = {
  'compose-up': { maxAttempts: 3, firstPauseMs: 5_000 },
  'run-command': { maxAttempts: 3, firstPauseMs: 5_000 },
  'start-engine': { maxAttempts: 5, firstPauseMs: 20_000 },
  restart: { maxAttempts: 3, firstPauseMs: 60_000 },
};

/**
 * What one heal has tried already. It keeps the loop from being hot, and from fighting the operator: a
 * service that has been as it should for a while is left alone, whatever happens to it later.
 */
export class HealTracker {
  readonly #attempts = new Map<string, Attempts>();
  /** Since when a step is wanted without a break. */
  readonly #wantedSince = new Map<string, number>();
  /** Since when a service is waited for that is to be given up some time. */
  readonly #crashingSince = new Map<string, number>();
  readonly #okSince = new Map<string, number>();
  readonly #settled = new Set<string>();
  /** What has crashed in this heal. */
  readonly #shaky = new Set<string>();
  #dueAt = Number.POSITIVE_INFINITY;

  /** When the plan may be another one though nothing has changed. */
  get dueAt(): number {
    return this.#dueAt;
  }

  /**
   * The plan without what is settled, with crash loops turned into waiting and at last into findings.
   *
   * @param services all that the manifest names.
   */
  admit(plan: HealPlan, services: readonly Named[], now: number): HealPlan {
    this.#dueAt = Number.POSITIVE_INFINITY;
    const wanting = new Set([...plan.steps, ...plan.waiting, ...plan.findings].map(keyOf));
    const steps = new Set(plan.steps.map(attemptKey));
    for (const key of this.#wantedSince.keys()) if (!steps.has(key)) this.#wantedSince.delete(key);
    for (const key of services.map(keyOf)) this.#note(key, !wanting.has(key), now);
    const open = (item: Named) => !this.#settled.has(keyOf(item));
    const admitted: HealPlan = { steps: [], waiting: [], findings: plan.findings.filter(open) };
    for (const wait of plan.waiting.filter(open)) this.#admitWait(admitted, wait, now);
    for (const step of plan.steps.filter(open)) this.#admitStep(admitted, step, now);
    for (const { stack, service } of services) {
      const key = keyOf({ stack, service });
      if (wanting.has(key) || !this.#shaky.has(key) || !open({ stack, service })) continue;
      const steadyAt = (this.#okSince.get(key) ?? now) + steadyAfterMs;
      if (steadyAt <= now) continue;
      this.#wakeAt(steadyAt);
      const because = 'it runs again, and has crashed before: not yet for long enough to be believed';
      admitted.waiting.push({ stack, service, because });
    }
    return withoutHopelessWaits(admitted);
  }

  /** To be told of every step that is done, whether it succeeds or not. @returns what comes of it. */
  attempted(step: HealStep, now: number, failure?: { error: string; isFinal: boolean }): Readonly<Attempts> {
    const { maxAttempts, firstPauseMs } = limits[step.kind] ?? usual;
    const count = (this.#attempts.get(attemptKey(step))?.count ?? 0) + 1;
    const pauseMs = Math.min(pauseCapMs, firstPauseMs * 2 ** (count - 1));
    const isFinal = failure?.isFinal === true || count >= maxAttempts;
    const attempts = { count, notBefore: now + pauseMs, pauseMs, error: failure?.error, isFinal };
    this.#attempts.set(attemptKey(step), attempts);
    if (step.kind === 'start' && count > 1) this.#shaky.add(keyOf(step));
    return attempts;
  }

  #note(key: string, isOk: boolean, now: number): void {
    const okSince = this.#okSince.get(key);
    if (okSince !== undefined && now - okSince >= settledAfterMs) this.#settled.add(key);
    if (!isOk) this.#okSince.delete(key);
    else if (okSince === undefined) this.#okSince.set(key, now);
    if (okSince !== undefined && now - okSince >= steadyAfterMs) this.#crashingSince.delete(key);
  }

  /** Between two crashes it runs: that alone does not begin the wait anew. */
  #admitWait(admitted: HealPlan, wait: HealPlan['waiting'][number], now: number): void {
    const { stack, service, because, giveUpAfterMs } = wait;
    if (giveUpAfterMs === undefined) {
      admitted.waiting.push(wait);
      return;
    }
    this.#shaky.add(keyOf(wait));
    const giveUpAt = since(this.#crashingSince, keyOf(wait), now) + giveUpAfterMs;
    if (giveUpAt <= now) admitted.findings.push({ stack, service, because });
    else admitted.waiting.push(wait);
    this.#wakeAt(giveUpAt);
  }

  #admitStep(admitted: HealPlan, step: HealStep, now: number): void {
    const { stack, service, because, kind } = step;
    const attempts = this.#attempts.get(attemptKey(step));
    if (attempts?.isFinal) {
      const tried = attempts.count === 1 ? 'once' : `${attempts.count} times`;
      const outcome = `${kind} was tried ${tried}: ${attempts.error ?? `${because} again`}`;
      // An engine may still come by itself, and without it nothing is known.
      const into = kind === 'start-engine' ? admitted.waiting : admitted.findings;
      into.push({ stack, service, because: outcome });
      return;
    }
    const patientUntil = since(this.#wantedSince, attemptKey(step), now) + (step.patienceMs ?? 0);
    const dueAt = Math.max(attempts?.notBefore ?? 0, patientUntil);
    if (dueAt <= now) {
      admitted.steps.push(step);
      return;
    }
    this.#wakeAt(dueAt);
    const tried = attempts && `${kind} was tried ${attempts.count} times, next after ${attempts.pauseMs} ms`;
    const why = attempts?.error ?? because;
    admitted.waiting.push({ stack, service, because: tried ? `${why} (${tried})` : because });
  }

  #wakeAt(at: number): void {
    this.#dueAt = Math.min(this.#dueAt, at);
  }
}

function since(times: Map<string, number>, key: string, now: number): number {
  const at = times.get(key) ?? now;
  times.set(key, at);
  return at;
}

function keyOf({ stack, service }: Named): string {
  return `${stack}/${service}`;
}

/** Compose gives a container that it makes again another id. */
function attemptKey(step: HealStep): string {
  return `${step.kind} ${step.kind === 'compose-up' ? keyOf(step) : step.containerId}`;
}
