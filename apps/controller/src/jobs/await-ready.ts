import type { Condition } from '@tacet/protocol';
import { type Clock, withDeadline } from '@tacet/runtime';
import { Failure } from '../failure.ts';
import type { AgentPort } from './ports.ts';
import type { Recorder } from './recorder.ts';

interface Awaited {
  readonly vmid: number;
  readonly agents: AgentPort;
  readonly deadlineMs: number;
  readonly clock: Clock;
  readonly recorder: Recorder;
  readonly signal: AbortSignal;
  /** What has been done with the guest, for the words of a failure: `restored`, `rolled back`. */
  readonly done: string;
  /** Of the guest as it was before: what it said last says nothing about now. */
  readonly staleSession?: object | null;
  /** What the agent's first word means. */
  readonly arrival?: { readonly step: string; readonly message: string };
}

/** Waits until a guest that was started has healed itself. @throws Failure that says what stands. */
export async function awaitReady(awaited: Awaited): Promise<void> {
  const { vmid, deadlineMs, clock, signal, done } = awaited;
  using deadline = withDeadline(signal, deadlineMs, `waiting for guest ${vmid}`, clock);
  try {
    await watch(awaited, deadline.signal);
  } catch (cause) {
    signal.throwIfAborted();
    const ready = readyOf(awaited);
    const state = ready === undefined ? 'its agent has not called' : `it is not ready: ${ready.message}`;
    throw new Failure('deadline-exceeded', `guest ${vmid} is ${done} and started, but ${state}`, {
      hint: `It may still come: tacet status ${vmid}`,
      cause,
    });
  }
}

/** Wakes at every change of the picture; each new word about readiness is a step. */
async function watch(awaited: Awaited, signal: AbortSignal): Promise<void> {
  const { vmid, agents, recorder } = awaited;
  const { step, message } = awaited.arrival ?? {
    step: 'adopted',
    message: `the agent of guest ${vmid} has called and is a guest of its own now`,
  };
  let hasCalled = false;
  let said: string | undefined;
  for (;;) {
    const change = agents.nextChange(signal);
    const ready = readyOf(awaited);
    if (hasSession(awaited) && !hasCalled) {
      hasCalled = true;
      recorder.step(step, message);
    }
    if (ready?.status === 'True') {
      change.catch(() => undefined); // nobody waits for it any more
      recorder.step('ready', `guest ${vmid} is ready: ${ready.message}`);
      return;
    }
    if (ready !== undefined && ready.message !== said) {
      said = ready.message;
      recorder.step('healing', ready.message);
    }
    await change;
  }
}

function hasSession({ agents, vmid, staleSession }: Awaited): boolean {
  const session = agents.picture(vmid)?.session ?? null;
  return session !== null && session !== staleSession;
}

/** Undefined while no agent is connected: an old picture says nothing about now. */
function readyOf(awaited: Awaited): Condition | undefined {
  if (!hasSession(awaited)) return undefined;
  const picture = awaited.agents.picture(awaited.vmid);
  return picture?.status.conditions.find((condition) => condition.type === 'Ready');
}
