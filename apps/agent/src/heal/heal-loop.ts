import { type HealPlan, type HealPolicy, type HealStep, planHeal } from '@tacet/core';
import type { Manifest } from '@tacet/protocol';
import { describeError, type Logger, runWithin } from '@tacet/runtime';
import type { EventLog } from '../session/event-log.ts';
import type { Wakeup } from '../wakeup.ts';
import type { HealFinding } from './heal-record.ts';
import { describeStep, doStep, type StepContext } from './heal-steps.ts';
import { HealTracker } from './heal-tracker.ts';
import { rebind } from './rebind.ts';

export interface HealLoopOptions extends StepContext {
  manifest: Manifest;
  policy: HealPolicy;
  events: EventLog;
  wakeup: Wakeup;
  log: Logger;
  /** Told of each round's plan: what is still to come, and what cannot be brought back. */
  onRound: (round: HealRound) => void;
}

export interface HealRound {
  plan: HealPlan;
  /** Something that must run has not been started yet: a manifest of now would record it as stopped. */
  isIncomplete: boolean;
}

const stepsPerRound = 8;
const observeMs = 15_000;
/** The pause of a round that had nothing to do, unless the engine reports a change. */
const idleRoundMs = 2_000;
/** What has not come back by then is a finding. Long enough for a database that replays its log. */
const giveUpAfterMs = 60 * 60_000;

/**
 * Observe, plan, step, and again, until nothing is left to do. Each container is retried with growing pauses
 * and not for ever; an engine that does not answer is waited for.
 *
 * @returns what could not be brought back.
 */
export async function heal(options: HealLoopOptions, signal: AbortSignal): Promise<HealFinding[]> {
  const { clock, wakeup, onRound } = options;
  const tracker = new HealTracker();
  const endsAt = clock.monotonicMs() + giveUpAfterMs;
  for (;;) {
    signal.throwIfAborted();
    const round = await observe(options, tracker, signal);
    onRound(round);
    const { plan } = round;
    if (plan.steps.length === 0 && plan.waiting.length === 0) return plan.findings;
    if (clock.monotonicMs() >= endsAt)
      return [...plan.findings, ...plan.waiting, ...plan.steps].map(asFinding);
    const now = plan.steps.slice(0, stepsPerRound);
    await Promise.all(now.map((step) => attempt(step, options, tracker, signal)));
    if (now.length === 0) await wakeup.wait(idleRoundMs, signal);
  }
}

async function observe(
  { engine, manifest, policy, clock, log }: HealLoopOptions,
  tracker: HealTracker,
  signal: AbortSignal,
): Promise<HealRound> {
  try {
    const containers = await runWithin(
      signal,
      observeMs,
      'listing the containers',
      (within) => engine.containers(within),
      {
        clock,
      },
    );
    const observed = containers.map(({ id, state, health, restartPolicy }) => ({
      containerId: id,
      state,
      health,
      restartPolicy,
    }));
    const bound = rebind(manifest, containers);
    const plan = tracker.admit(planHeal(bound, observed, policy), bound.services, clock.monotonicMs());
    const runs = new Set(
      observed.filter(({ state }) => state === 'running').map(({ containerId }) => containerId),
    );
    const due = new Set([...plan.steps, ...plan.waiting].map(nameOf));
    return {
      plan,
      isIncomplete: bound.services.some((one) => due.has(nameOf(one)) && !runs.has(one.containerId)),
    };
  } catch (error) {
    signal.throwIfAborted();
    log.warn('heal waits for the engine', { error });
    const because = `the engine does not answer: ${describeError(error)}`;
    const plan = { steps: [], waiting: [{ stack: '', service: '', because }], findings: [] };
    return { plan, isIncomplete: true };
  }
}

async function attempt(
  step: HealStep,
  options: HealLoopOptions,
  tracker: HealTracker,
  signal: AbortSignal,
): Promise<void> {
  const { events, clock } = options;
  const data = { ...step };
  try {
    await doStep(step, options, signal);
    events.emit('heal.step', describeStep(step), data);
  } catch (error) {
    signal.throwIfAborted();
    const why = describeError(error);
    events.emit('heal.step-failed', `${step.kind} of ${step.stack}/${step.service} failed: ${why}`, {
      ...data,
      error: why,
    });
  } finally {
    tracker.attempted(step, clock.monotonicMs());
  }
}

function nameOf({ stack, service }: { stack: string; service: string }): string {
  return `${stack}/${service}`;
}

function asFinding({ stack, service, because }: HealFinding): HealFinding {
  return { stack, service, because };
}
