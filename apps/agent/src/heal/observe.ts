import {
  type HealPlan,
  type HealPolicy,
  type ObservedContainer,
  planHeal,
  planWithoutEngine,
} from '@tacet/core';
import { type Manifest, readLabels } from '@tacet/protocol';
import { type Clock, describeError, type Logger, runWithin } from '@tacet/runtime';
import type { Engine, EngineContainer } from '../engine/engine.ts';
import { rebind } from './rebind.ts';

const observeMs = 15_000;
const postRestoreMs = 60_000;

export interface Observation {
  /** With today's ids. */
  manifest: Manifest;
  plan: HealPlan;
  /** Ids of what runs now. */
  running: ReadonlySet<string>;
  isEngineUp: boolean;
}

/** What must come back, what is there, and the difference. Rejects on abort alone. */
export async function observe(
  { engine, clock, log }: { engine: Engine; clock: Clock; log: Logger },
  manifest: Manifest,
  policy: HealPolicy,
  signal: AbortSignal,
): Promise<Observation> {
  let containers: EngineContainer[];
  try {
    const list = (within: AbortSignal) => engine.containers(within);
    containers = await runWithin(signal, observeMs, 'listing the containers', list, { clock });
  } catch (error) {
    signal.throwIfAborted();
    log.debug('heal waits for the engine', { error });
    const plan = planWithoutEngine(`the engine does not answer: ${describeError(error)}`);
    return { manifest, plan, running: new Set(), isEngineUp: false };
  }
  const bound = rebind(manifest, containers);
  const plan = planHeal(bound, containers.map(toObserved), policy);
  const running = containers.filter(({ state }) => state === 'running').map(({ id }) => id);
  return { manifest: bound, plan, running: new Set(running), isEngineUp: true };
}

function toObserved(container: EngineContainer): ObservedContainer {
  const { id, state, health, restartPolicy, exitCode, error, restartCount, startedAt } = container;
  const { labels } = readLabels(container.labels);
  const command = labels['tacet.post-restore.exec'];
  const timeoutMs = labels['tacet.post-restore.timeout'] ?? postRestoreMs;
  return {
    containerId: id,
    state,
    health,
    restartPolicy,
    exitCode,
    error,
    restartCount,
    startedAt,
    isLeftAlone: labels['tacet.heal'] === 'none',
    postRestore: command === undefined ? undefined : { command, timeoutMs },
  };
}
