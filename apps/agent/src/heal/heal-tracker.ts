import type { HealPlan, HealStep } from '@tacet/core';

const settledAfterMs = 30_000;
const firstPauseMs = 1_000;
const pauseCapMs = 60_000;
const maxAttempts = 10;

interface Attempts {
  count: number;
  /** Not again before. */
  notBefore: number;
}

/**
 * What one heal has tried already. It keeps the loop from being hot, and from fighting the operator: a
 * service that has been as it should for a while is left alone, whatever happens to it later.
 */
export class HealTracker {
  readonly #attempts = new Map<string, Attempts>();
  readonly #okSince = new Map<string, number>();
  readonly #settled = new Set<string>();

  /**
   * The plan without what is settled, with crash loops turned into waiting and at last into findings.
   *
   * @param services all that the manifest names.
   */
  admit(plan: HealPlan, services: readonly { stack: string; service: string }[], now: number): HealPlan {
    const wanting = new Set([...plan.steps, ...plan.waiting, ...plan.findings].map(keyOf));
    for (const key of services.map(keyOf)) this.#note(key, !wanting.has(key), now);
    const open = (item: { stack: string; service: string }) => !this.#settled.has(keyOf(item));
    const admitted: HealPlan = {
      steps: [],
      waiting: plan.waiting.filter(open),
      findings: plan.findings.filter(open),
    };
    for (const step of plan.steps.filter(open)) this.#admitStep(admitted, step, now);
    return admitted;
  }

  /** To be told of every step that is done, whether it succeeds or not. */
  attempted(step: HealStep, now: number): void {
    const count = (this.#attempts.get(attemptKey(step))?.count ?? 0) + 1;
    const pauseMs = Math.min(pauseCapMs, firstPauseMs * 2 ** (count - 1));
    this.#attempts.set(attemptKey(step), { count, notBefore: now + pauseMs });
  }

  #note(key: string, isOk: boolean, now: number): void {
    const since = this.#okSince.get(key);
    if (since !== undefined && now - since >= settledAfterMs) this.#settled.add(key);
    if (!isOk) this.#okSince.delete(key);
    else if (since === undefined) this.#okSince.set(key, now);
  }

  #admitStep(admitted: HealPlan, step: HealStep, now: number): void {
    const { stack, service } = step;
    const attempts = this.#attempts.get(attemptKey(step));
    if (attempts === undefined || (attempts.count < maxAttempts && attempts.notBefore <= now)) {
      admitted.steps.push(step);
      return;
    }
    const because = `${step.kind} was tried ${attempts.count} times, and ${step.because} again`;
    if (attempts.count >= maxAttempts) admitted.findings.push({ stack, service, because });
    else admitted.waiting.push({ stack, service, because });
  }
}

function keyOf({ stack, service }: { stack: string; service: string }): string {
  return `${stack}/${service}`;
}

function attemptKey(step: HealStep): string {
  return `${step.kind} ${step.containerId}`;
}
