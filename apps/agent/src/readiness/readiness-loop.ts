import type { Finding } from '@tacet/core';
import type { RestartPolicy, ServiceStatus } from '@tacet/protocol';
import { type Clock, describeError, type Logger, runWithin } from '@tacet/runtime';
import { discover, type DiscoveredService } from '../discovery/compose.ts';
import type { Engine } from '../engine/engine.ts';
import type { HealView } from '../heal/healer.ts';
import type { IdentityState } from '../session/identity-state.ts';
import type { Wakeup } from '../wakeup.ts';
import type { DatabaseProber } from './database-prober.ts';
import type { DataVerifier } from './data/data-verifier.ts';
import { aside, evaluate } from './evaluate.ts';
import type { EngineView, Picture, QuiesceView } from './picture.ts';
import type { ReadyProber } from './probes/ready-prober.ts';
import type { StatusBoard } from './status-board.ts';

export interface ReadinessOptions {
  engine: Engine;
  prober: DatabaseProber;
  data: Pick<DataVerifier, 'view' | 'note'>;
  readyProber: ReadyProber;
  board: StatusBoard;
  wakeup: Wakeup;
  quiesce: () => QuiesceView;
  onQuiesceChange: (listener: () => void) => () => void;
  heal: () => HealView;
  identity: () => IdentityState;
  missingRestartPolicy: RestartPolicy;
  clock: Clock;
  log: Logger;
}

/** Every change of a container is told; what nobody tells is asked no more often than this anyway. */
const settledRoundMs = 30_000;
const seldomRoundMs = 10_000;
const unreadyRoundMs = 1_000;
/** Changes of containers come in bunches. */
const leastPauseMs = 200;
/** A hold that is over sooner is no news of readiness; the quiesce state is told anyway. */
const shortHoldMs = 5_000;
const observeMs = 10_000;

/** Looks again at every change and on a timer: soon while something is missing, seldom while all is well. */
export async function keepReadiness(options: ReadinessOptions, signal: AbortSignal): Promise<void> {
  const { wakeup, clock, board, log } = options;
  let services: readonly DiscoveredService[] = [];
  let pauseMs = unreadyRoundMs;
  for (;;) {
    try {
      const picture = await lookOutsideShortHolds(options, signal);
      if (picture.engine.kind === 'reachable') services = picture.engine.services;
      const findings = evaluate(picture);
      const isChanged = board.report(findings, services.map(statusOf));
      pauseMs = nextPause(pauseMs, isChanged, findings);
    } catch (error) {
      signal.throwIfAborted();
      log.error('readiness could not be judged', { error });
    }
    await clock.sleep(leastPauseMs, signal);
    await wakeup.wait(pauseMs, signal);
  }
}

/** Growing while nothing changes, so that what stays broken is not asked every second for weeks. */
function nextPause(before: number, isChanged: boolean, findings: readonly Finding[]): number {
  const isSettled = findings.every(
    ({ type, status, reason }) =>
      status === 'True' || type === 'IdentityVerified' || type === 'Ready' || aside.has(reason),
  );
  if (isSettled) return settledRoundMs;
  // Nothing can be asked of an engine that is away: only whether it is back, which costs next to nothing.
  if (findings.some(({ type, status }) => type === 'EngineReachable' && status !== 'True'))
    return unreadyRoundMs;
  return isChanged ? unreadyRoundMs : Math.min(seldomRoundMs, before * 1.5);
}

/** A look that a hold came into is taken again, unless that hold lasts. */
async function lookOutsideShortHolds(options: ReadinessOptions, signal: AbortSignal): Promise<Picture> {
  for (;;) {
    const isLongHold = await outlastsShortHold(options, signal);
    const picture = await look(options, signal);
    if (isLongHold || !standsStill(picture.quiesce)) return picture;
  }
}

async function outlastsShortHold(
  { quiesce, clock }: ReadinessOptions,
  signal: AbortSignal,
): Promise<boolean> {
  const endsAt = clock.monotonicMs() + shortHoldMs;
  while (standsStill(quiesce()) && clock.monotonicMs() < endsAt) await clock.sleep(leastPauseMs, signal);
  return standsStill(quiesce());
}

function standsStill({ state, unthawed }: QuiesceView): boolean {
  return unthawed.length === 0 && (state === 'holding' || state === 'held' || state === 'thawing');
}

async function look(options: ReadinessOptions, signal: AbortSignal): Promise<Picture> {
  const { quiesce, heal, identity, missingRestartPolicy, data, prober, readyProber } = options;
  const engine = await lookAtEngine(options, signal);
  const services = engine.kind === 'reachable' ? engine.services : [];
  const [databases, probes] = await Promise.all([
    askUnheld(prober, services, options, signal),
    askUnheld(readyProber, services, options, signal),
  ]);
  if (engine.kind === 'reachable' && quiesce().state === 'idle') data.note(engine.services, databases);
  return {
    engine,
    quiesce: quiesce(),
    databases,
    data: data.view,
    probes,
    heal: heal(),
    identity: identity(),
    missingRestartPolicy,
  };
}

async function lookAtEngine({ engine, clock }: ReadinessOptions, signal: AbortSignal): Promise<EngineView> {
  try {
    return await runWithin(
      signal,
      observeMs,
      'asking the engine',
      async (within) => ({
        kind: 'reachable',
        version: await engine.version(within),
        services: discover(await engine.containers(within)),
      }),
      { clock },
    );
  } catch (error) {
    signal.throwIfAborted();
    return { kind: 'unreachable', because: describeError(error) };
  }
}

interface Prober<A> {
  readonly known: readonly A[];
  ask(services: readonly DiscoveredService[], signal: AbortSignal): Promise<readonly A[]>;
}

/** A process that is started in a container as it is being held would hang: asking ends where a hold begins. */
async function askUnheld<A>(
  prober: Prober<A>,
  services: readonly DiscoveredService[],
  { quiesce, onQuiesceChange }: ReadinessOptions,
  signal: AbortSignal,
): Promise<readonly A[]> {
  if (services.length === 0) return [];
  if (standsStill(quiesce())) return prober.known;
  const over = new AbortController();
  const end = (): void => over.abort();
  const stopListening = onQuiesceChange(() => {
    if (standsStill(quiesce())) end();
  });
  signal.addEventListener('abort', end, { once: true });
  try {
    return await prober.ask(services, over.signal);
  } catch (error) {
    signal.throwIfAborted();
    if (over.signal.aborted) return prober.known;
    throw error;
  } finally {
    stopListening();
    signal.removeEventListener('abort', end);
  }
}

function statusOf({ stack, service, container }: DiscoveredService): ServiceStatus {
  const { image, state, health, restartPolicy } = container;
  return { stack, service, image, state, health, restartPolicy };
}
