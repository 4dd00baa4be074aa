import type { HealPlan, HealPolicy, HealStep } from '@tacet/core';
import type { Manifest } from '@tacet/protocol';
import { describeError, TacetError } from '@tacet/runtime';
import type { EventLog } from '../session/event-log.ts';
import type { Wakeup } from '../wakeup.ts';
import type { HealFinding } from './heal-record.ts';
import { HealTracker } from './heal-tracker.ts';
import { type Observation, observe } from './observe.ts';
import { describeStep, repair, type StepContext } from './repairs/repair.ts';

export interface HealLoopOptions extends StepContext {
  manifest: Manifest;
  /** Asked in each round: what was done in one need not be done in the next. */
  policy: () => HealPolicy;
  /** Whether the engine may be started where it does not run: not while somebody may have stopped it. */
  mayStartEngine: boolean;
  /** While a backup holds the guest nothing is touched. */
  isHeld: () => boolean;
  events: EventLog;
  wakeup: Wakeup;
  /** Told of each round's plan: what is still to come, and what cannot be brought back. */
  onRound: (round: HealRound) => void;
  /** Told of each step that has succeeded, before the next round. */
  onDone: (step: HealStep) => Promise<void>;
}

export interface HealRound {
  plan: HealPlan;
  /** Something that must run has not been started yet: a manifest of now would record it as stopped. */
  isIncomplete: boolean;
}

const stepsAtOnce = 8;
/** The pause of a round that had nothing to do, unless something changes: a change that was not reported. */
const idleRoundMs = 2_000;
/** Asking a socket where nobody listens costs next to nothing. */
const engineRoundMs = 250;
/** What has not come back by then is a finding. Long enough for a database that replays its log. */
const giveUpAfterMs = 60 * 60_000;

/**
 * Observe, plan, step, and again, until nothing is left to do. Steps go on while others are planned: what
 * takes long keeps nobody waiting that does not depend on it. Each is retried with growing pauses and not for
 * ever; an engine that does not answer is waited for.
 *
 * @returns what could not be brought back.
 */
export async function heal(options: HealLoopOptions, signal: AbortSignal): Promise<HealFinding[]> {
  const { clock, wakeup, onRound, isHeld } = options;
  const run = new HealRun(options);
  const endsAt = clock.monotonicMs() + giveUpAfterMs;
  try {
    for (;;) {
      signal.throwIfAborted();
      if (isHeld()) {
        await wakeup.wait(idleRoundMs, signal);
        continue;
      }
      const { round, isEngineUp } = await run.look(signal);
      const { plan } = round;
      onRound(round);
      if (!run.isBusy && plan.steps.length === 0 && plan.waiting.length === 0) return plan.findings;
      if (clock.monotonicMs() >= endsAt)
        return [...plan.findings, ...plan.waiting, ...plan.steps].map(asFinding);
      run.begin(plan.steps, signal);
      await wakeup.wait(isEngineUp ? run.idleMs() : engineRoundMs, signal);
    }
  } finally {
    await run.ended();
  }
}

/** What is under way in one heal. */
class HealRun {
  readonly #options: HealLoopOptions;
  readonly #tracker = new HealTracker();
  /** By what must not be stepped on meanwhile: a service, or the stack that compose works on. */
  readonly #underWay = new Map<string, Promise<void>>();
  readonly #told = new Set<string>();

  constructor(options: HealLoopOptions) {
    this.#options = options;
  }

  get isBusy(): boolean {
    return this.#underWay.size > 0;
  }

  async look(signal: AbortSignal): Promise<{ round: HealRound; isEngineUp: boolean }> {
    const { manifest, policy, clock } = this.#options;
    const seen = await observe(this.#options, manifest, policy(), signal);
    const plan = this.#tracker.admit(this.#allowed(seen), seen.manifest.services, clock.monotonicMs());
    for (const { stack, service, because, giveUpAfterMs: limit } of plan.waiting) {
      if (limit !== undefined) this.#tell(stack, service, because);
    }
    const due = new Set([...plan.steps, ...plan.waiting].map(nameOf));
    const isIncomplete =
      !seen.isEngineUp ||
      seen.manifest.services.some((one) => due.has(nameOf(one)) && !seen.running.has(one.containerId));
    return { round: { plan, isIncomplete }, isEngineUp: seen.isEngineUp };
  }

  /** Starts what may be started now. None rejects but by abort, which {@link ended} waits for. */
  begin(steps: readonly HealStep[], signal: AbortSignal): void {
    for (const step of steps) {
      const key = exclusionOf(step);
      if (this.#underWay.size >= stepsAtOnce) return;
      if (this.#underWay.has(key)) continue;
      const done = this.#attempt(step, signal).finally(() => {
        this.#underWay.delete(key);
        this.#options.wakeup.notify();
      });
      this.#underWay.set(key, done);
      // Its end is waited for; until then nobody may look at its rejection.
      done.catch(() => undefined);
    }
  }

  idleMs(): number {
    return Math.max(0, Math.min(idleRoundMs, this.#tracker.dueAt - this.#options.clock.monotonicMs()));
  }

  async ended(): Promise<void> {
    await Promise.allSettled(this.#underWay.values());
  }

  #allowed({ plan, isEngineUp }: Observation): HealPlan {
    const { mayStartEngine, repairs } = this.#options;
    if (isEngineUp || (mayStartEngine && repairs)) return plan;
    const waiting = plan.steps.map(asFinding);
    return { ...plan, steps: [], waiting };
  }

  async #attempt(step: HealStep, signal: AbortSignal): Promise<void> {
    const { events, clock, onDone } = this.#options;
    const data = { ...step };
    let failure: { error: string; isFinal: boolean } | undefined;
    try {
      await repair(step, this.#options, signal);
      events.emit('heal.step', describeStep(step), data);
      await onDone(step);
    } catch (error) {
      signal.throwIfAborted();
      failure = { error: describeFailure(error), isFinal: TacetError.is(error, 'not-found') };
      const what = `${step.kind} of ${nameOf(step)} failed: ${failure.error}`;
      events.emit('heal.step-failed', what, { ...data, error: failure.error });
    }
    const { count, pauseMs, isFinal } = this.#tracker.attempted(step, clock.monotonicMs(), failure);
    if (count < 2 || isFinal) return;
    const what = `${step.kind} of ${nameOf(step)} was tried ${count} times: not again for ${pauseMs} ms`;
    events.emit('heal.backing-off', what, { ...data, count, pauseMs });
  }

  /** Once for each service: the engine's own count grows. */
  #tell(stack: string, service: string, because: string): void {
    const name = nameOf({ stack, service });
    if (this.#told.has(name)) return;
    this.#told.add(name);
    this.#options.events.emit('heal.backing-off', `${name}: ${because}`, { stack, service, because });
  }
}

/** With what to do about it, because nobody else says so to whoever reads a finding. */
function describeFailure(error: unknown): string {
  const hint = TacetError.is(error) ? error.hint : undefined;
  return hint === undefined ? describeError(error) : `${describeError(error)} (${hint})`;
}

/** Two of compose on one stack would make its networks twice. */
function exclusionOf(step: HealStep): string {
  return step.kind === 'compose-up' ? `stack ${step.stack}` : `service ${nameOf(step)} ${isAside(step)}`;
}

/** Does not touch whether the container runs. */
function isAside({ kind }: HealStep): string {
  return kind === 'set-restart-policy' ? 'policy' : '';
}

function nameOf({ stack, service }: { stack: string; service: string }): string {
  return `${stack}/${service}`;
}

function asFinding({ stack, service, because }: HealFinding): HealFinding {
  return { stack, service, because };
}
