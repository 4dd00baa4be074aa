import type { HealStep } from '@tacet/core';
import { type Clock, runWithin } from '@tacet/runtime';
import type { Engine } from '../engine/engine.ts';
import type { Journal } from '../journal/journal.ts';

const stepMs = 60_000;
const stopGraceMs = 10_000;

export interface StepContext {
  engine: Engine;
  journal: Pick<Journal, 'recordRestartPolicyChange'>;
  clock: Clock;
}

/** One idempotent step, under its own deadline. What is already so is success. */
export async function doStep(step: HealStep, context: StepContext, signal: AbortSignal): Promise<void> {
  const what = `${step.kind} of ${step.stack}/${step.service}`;
  await runWithin(signal, stepMs, what, (within) => act(step, context, within), { clock: context.clock });
}

async function act(
  step: HealStep,
  { engine, journal, clock }: StepContext,
  signal: AbortSignal,
): Promise<void> {
  switch (step.kind) {
    case 'unpause':
      return await engine.unpause(step.containerId, signal);
    case 'start':
      return await engine.start(step.containerId, signal);
    case 'stop':
      return await engine.stop(step.containerId, stopGraceMs, signal);
    case 'set-restart-policy': {
      const { containerId, stack, service, policy, previous } = step;
      const changedAt = Math.floor(clock.now());
      await journal.recordRestartPolicyChange({ containerId, stack, service, policy, previous, changedAt });
      return await engine.setRestartPolicy(containerId, policy, signal);
    }
  }
}

export function describeStep(step: HealStep): string {
  const of = `${step.stack}/${step.service}`;
  switch (step.kind) {
    case 'set-restart-policy':
      return `gave ${of} the restart policy ${step.policy} instead of ${step.previous}: ${step.because}`;
    case 'start':
      return `started ${of}: ${step.because}`;
    case 'stop':
      return `stopped ${of}: ${step.because}`;
    case 'unpause':
      return `unpaused ${of}: ${step.because}`;
  }
}
