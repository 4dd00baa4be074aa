import type { HealStep } from '@tacet/core';
import { type Clock, type Logger, TacetError, withDeadline } from '@tacet/runtime';
import type { Engine } from '../../engine/engine.ts';
import type { GuestHost } from '../../guest/guest.ts';
import type { GuestRepairs } from '../../guest/guest-repairs.ts';
import type { Journal } from '../../journal/journal.ts';
import { runPostRestore } from './post-restore.ts';
import { enforceRestartPolicy } from './restart-policy.ts';

export interface StepContext {
  engine: Engine;
  host: Pick<GuestHost, 'freezer' | 'processes'>;
  /** Undefined where the guest's own programs cannot be used: what needs them cannot be brought back. */
  repairs: GuestRepairs | undefined;
  journal: Pick<Journal, 'recordRestartPolicyChange'>;
  clock: Clock;
  log: Logger;
}

const stepMs = 60_000;
/** A service with many volumes and a slow disk. */
const composeMs = 180_000;
const stopGraceMs = 10_000;

/** One idempotent step, under its own deadline. What is already so is success. */
export async function repair(step: HealStep, context: StepContext, signal: AbortSignal): Promise<void> {
  const what = `${step.kind} of ${step.stack}/${step.service}`;
  // Not left before it has ended: it may be writing the journal.
  using deadline = withDeadline(signal, deadlineOf(step), what, context.clock);
  await act(step, context, deadline.signal);
}

async function act(step: HealStep, context: StepContext, signal: AbortSignal): Promise<void> {
  const { engine, repairs } = context;
  const { containerId } = step;
  switch (step.kind) {
    case 'unpause':
      return await engine.unpause(containerId, signal);
    case 'start':
      return await engine.start(containerId, signal);
    case 'stop':
      return await engine.stop(containerId, stopGraceMs, signal);
    case 'restart':
      await engine.stop(containerId, stopGraceMs, signal);
      return await engine.start(containerId, signal);
    case 'reconnect':
      await engine.reconnect(containerId, signal);
      return await engine.start(containerId, signal);
    case 'set-restart-policy':
      return await enforceRestartPolicy(step, context, signal);
    case 'compose-up':
      return await given(repairs).composeUp(step.project, step.service, signal);
    case 'start-engine':
      return await given(repairs).startEngine(signal);
    case 'run-command':
      return await runPostRestore(containerId, step, context, signal);
  }
}

function deadlineOf(step: HealStep): number {
  if (step.kind === 'compose-up') return composeMs;
  // Its own deadline comes first, and what it started is killed.
  return step.kind === 'run-command' ? step.timeoutMs + stepMs : stepMs;
}

function given(repairs: GuestRepairs | undefined): GuestRepairs {
  if (repairs) return repairs;
  throw new TacetError('this agent cannot use the programs of its guest', { code: 'not-found' });
}

const pastTense: Record<Exclude<HealStep['kind'], 'set-restart-policy' | 'start-engine'>, string> = {
  unpause: 'unpaused',
  start: 'started',
  stop: 'stopped',
  restart: 'restarted',
  reconnect: 'joined to the networks of today and started',
  'compose-up': 'created again',
  'run-command': 'ran the post-restore command of',
};

export function describeStep(step: HealStep): string {
  const { because } = step;
  if (step.kind === 'start-engine') return `asked for the engine to be started: ${because}`;
  const of = `${step.stack}/${step.service}`;
  if (step.kind === 'set-restart-policy') {
    return `gave ${of} the restart policy ${step.policy} instead of ${step.previous}: ${because}`;
  }
  return `${pastTense[step.kind]} ${of}: ${because}`;
}
