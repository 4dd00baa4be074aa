import type { Condition } from '@tacet/protocol';
import { type Clock, withDeadline } from '@tacet/runtime';
import { Failure } from '../failure.ts';
import type { AgentPort } from './ports.ts';
import type { Recorder } from './recorder.ts';

/** Waits until a copy that was started has healed itself. @throws Failure that says what stands. */
export async function awaitReady(
  vmid: number,
  agents: AgentPort,
  deadlineMs: number,
  clock: Clock,
  recorder: Recorder,
  signal: AbortSignal,
): Promise<void> {
  using deadline = withDeadline(signal, deadlineMs, `waiting for guest ${vmid}`, clock);
  try {
    await watch(vmid, agents, recorder, deadline.signal);
  } catch (cause) {
    signal.throwIfAborted();
    const ready = readyOf(agents, vmid);
    const state = ready === undefined ? 'its agent has not called' : `it is not ready: ${ready.message}`;
    throw new Failure('deadline-exceeded', `guest ${vmid} is restored and started, but ${state}`, {
      hint: `It may still come: tacet status ${vmid}`,
      cause,
    });
  }
}

/** Wakes at every change of the picture; each new word about readiness is a step. */
async function watch(
  vmid: number,
  agents: AgentPort,
  recorder: Recorder,
  signal: AbortSignal,
): Promise<void> {
  let hasCalled = false;
  let said: string | undefined;
  for (;;) {
    const change = agents.nextChange(signal);
    const ready = readyOf(agents, vmid);
    if (agents.picture(vmid)?.session != null && !hasCalled) {
      hasCalled = true;
      recorder.step('adopted', `the agent of guest ${vmid} has called and is a guest of its own now`);
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

/** Undefined while no agent is connected: an old picture says nothing about now. */
function readyOf(agents: AgentPort, vmid: number): Condition | undefined {
  const picture = agents.picture(vmid);
  if (picture?.session == null) return undefined;
  return picture.status.conditions.find((condition) => condition.type === 'Ready');
}
