import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import type { GuestStatus, Incarnation } from '@tacet/protocol';
import { type Clock, type Logger, systemClock, TacetError } from '@tacet/runtime';
import type { AgentConfig } from './config.ts';
import type { ControlCommands } from './control/control-socket.ts';
import type { Engine } from './engine/engine.ts';
import { watchEngine } from './engine-watch.ts';
import { FactsBoard, keepFacts } from './facts/facts-loop.ts';
import type { GuestHost } from './guest/guest.ts';
import type { GuestRepairs } from './guest/guest-repairs.ts';
import { Regeneration } from './identity/regeneration.ts';
import type { Regenerators } from './identity/regenerators.ts';
import { identityOrGrace } from './heal/grace.ts';
import { decideHeal, type FoundOnStart, healCandidate, recordOfThisCopy } from './heal/heal-decision.ts';
import { type HealRecord, HealRecordFile } from './heal/heal-record.ts';
import { Healer } from './heal/healer.ts';
import { Standing } from './heal/standing.ts';
import { Journal } from './journal/journal.ts';
import { QuiesceCoordinator } from './quiesce/coordinator.ts';
import { FilesystemFreeze } from './quiesce/filesystem-freeze.ts';
import { rehearse } from './quiesce/rehearse.ts';
import { DatabaseProber } from './readiness/database-prober.ts';
import { openDataVerifier } from './readiness/data/open-data-verifier.ts';
import { probeCommands } from './readiness/probes/probe-commands.ts';
import { ReadyProber } from './readiness/probes/ready-prober.ts';
import { keepReadiness } from './readiness/readiness-loop.ts';
import { StatusBoard } from './readiness/status-board.ts';
import { EventLog } from './session/event-log.ts';
import { IdentityHolder } from './session/identity-state.ts';
import { IdentityStore } from './session/identity-store.ts';
import { requestAnswerer } from './session/requests.ts';
import { keepSession } from './session/session-loop.ts';
import type { SessionContext } from './session/session.ts';
import { agentVersion } from './version.ts';
import { Wakeup } from './wakeup.ts';

export interface AgentOptions {
  engine: Engine;
  guestHost: GuestHost;
  /** What heal may use of the guest beside its engine; nothing unless given. */
  repairs?: GuestRepairs;
  /** How this guest makes anew what a copy must not share; nothing is unless given. */
  regenerators?: Regenerators;
  config: AgentConfig;
  log: Logger;
  /** The configured one unless given. */
  stateDir?: string;
  clock?: Clock;
  /** Uniform in [0, 1). */
  random?: () => number;
}

/** A running agent. Its disposal is its orderly end: it thaws what is held, and then goes. */
export interface Agent extends AsyncDisposable {
  readonly bootId: string;
  readonly incarnation: Incarnation;
  status(): GuestStatus;
  /** @returns how to stop listening. */
  onStatus(listener: () => void): () => void;
  /** What root in the guest may ask for. They throw TacetError as a prepare and a hold do. */
  readonly commands: ControlCommands;
  /** Rejects when a part of the agent ends that should not; resolves after the disposal. */
  readonly running: Promise<void>;
}

/** Where the journal lives in the state directory. */
export const journalDirOf = (stateDir: string): string => join(stateDir, 'journal');

/**
 * Puts the agent together and starts it. It thaws first: whatever an earlier process has left held is being
 * released when this resolves, before anything that could fail for another reason.
 */
export async function startAgent(options: AgentOptions): Promise<Agent> {
  const { engine, guestHost, config, log, clock = systemClock, random = Math.random } = options;
  const stateDir = options.stateDir ?? config.stateDir;
  const { missingRestartPolicy } = config;
  const journal = new Journal(journalDirOf(stateDir), { logger: log, clock });
  const events = new EventLog({ clock, log });
  const coordinator = new QuiesceCoordinator({
    engine,
    host: guestHost,
    journal,
    agentVersion,
    emit: (event) => events.add(event),
    clock,
    logger: log,
    leaseCeilingMs: config.leaseCeilingMs,
  });
  const filesystems = new FilesystemFreeze(coordinator);
  const file = new HealRecordFile(journalDirOf(stateDir), { log, clock });
  const healWakeup = new Wakeup(clock);
  const healer = new Healer({
    engine,
    host: guestHost,
    repairs: options.repairs,
    journal,
    clock,
    missingRestartPolicy,
    isHeld: () => coordinator.state === 'holding' || coordinator.state === 'held',
    events,
    wakeup: healWakeup,
    log,
    file,
  });
  const recovered = await recoverAndDecide({ coordinator, guestHost, journal, file, healer, log });
  const { found, heal } = recovered;
  const folder = journalDirOf(stateDir);
  const data = await openDataVerifier({ engine, guestHost, folder, ...recovered, clock, log });
  const { bootId, incarnation } = found;
  events.emit('agent.started', `agent ${agentVersion} started`, { agentVersion, bootId });

  const stop = new AbortController();
  const { signal } = stop;
  const identity = new IdentityHolder();
  const identities = new IdentityStore(stateDir, { log, clock });
  const { regenerators } = options;
  const regeneration = new Regeneration({ identities, regenerators, events, clock, log });
  const board = new StatusBoard({ quiesceState: () => coordinator.state, events, clock });
  const readinessWakeup = new Wakeup(clock);
  const commands = probeCommands({ engine, host: guestHost, clock, log });
  const facts = new FactsBoard();
  const factsWakeup = new Wakeup(clock);
  coordinator.onStateChange((state) => {
    board.touch();
    // During a hold readiness would only be in the way: a thaw's end is what it wants to see.
    if (state === 'idle' || coordinator.unthawed.length > 0) readinessWakeup.notify();
    if (state !== 'idle') data.interrupt();
    if (state === 'prepared') {
      healer.forget();
      data.marked();
    }
    if (state === 'idle') healWakeup.notify();
  });
  identity.onChange(() => readinessWakeup.notify());
  healer.onChange(() => readinessWakeup.notify());
  data.onChange(() => readinessWakeup.notify());
  const standing = new Standing({
    engine,
    journal,
    healer,
    guest: { bootId, incarnation, agentVersion },
    known: found.standing,
    isIdle: () => coordinator.state === 'idle' && coordinator.unthawed.length === 0,
    wakeup: healWakeup,
    clock,
    log,
  });
  const onEngineChange = (): void => {
    healWakeup.notify();
    readinessWakeup.notify();
    factsWakeup.notify();
  };

  const loops = [
    watchEngine(
      { engine, onChange: onEngineChange, onLost: () => standing.engineLost(), clock, random, log },
      signal,
    ),
    keepReadiness(
      {
        engine,
        prober: new DatabaseProber(commands, clock),
        readyProber: new ReadyProber(commands, clock),
        data,
        board,
        wakeup: readinessWakeup,
        quiesce: () => ({ state: coordinator.state, unthawed: coordinator.unthawed }),
        onQuiesceChange: (listener) => coordinator.onStateChange(listener),
        heal: () => healer.view,
        identity: () => identity.state,
        missingRestartPolicy,
        clock,
        log,
      },
      signal,
    ),
    keepFacts(
      {
        engine,
        host: guestHost,
        board: facts,
        wakeup: factsWakeup,
        quiesceState: () => coordinator.state,
        clock,
        log,
      },
      signal,
    ),
    keepSession(
      {
        agentVersion,
        bootId,
        incarnation,
        status: withFacts(board, facts),
        events,
        answer: requestAnswerer({
          prepare: async (params) => {
            refuseWhileIncomplete(healer);
            return await coordinator.prepare(params);
          },
          hold: (params) => coordinator.hold(params),
          renew: (params) => coordinator.renew(params),
          thaw: (params) => coordinator.thaw(params),
          'thaw-now': () => coordinator.thawNow(),
          plan: (_params, within) => coordinator.plan(within),
        }),
        clock,
        log,
        identities,
        identity,
        regeneration,
        random,
      },
      signal,
    ),
    healWhenDue(),
  ];

  async function healWhenDue(): Promise<void> {
    const decided = identityOrGrace(identity, config.healGraceMs, clock, signal);
    if (heal) {
      // A guest that was merely started again is who it was.
      if (heal.order.kind === 'restore') await decided;
      await Promise.all([decided, healer.run(heal.order, heal.armed, signal)]);
    }
    await Promise.all([decided, standing.keep(signal)]);
  }

  const running = settled(loops, signal);
  return {
    bootId,
    incarnation,
    status: () => board.current(),
    onStatus: (listener) => board.onChange(listener),
    commands: {
      rehearse: async () => {
        refuseWhileIncomplete(healer);
        return await rehearse(coordinator, randomUUID());
      },
      freeze: async () => {
        refuseWhileIncomplete(healer);
        return await filesystems.freeze();
      },
      thaw: () => filesystems.thaw(),
      'accept-data': () => data.accept(),
    },
    running,
    async [Symbol.asyncDispose]() {
      await coordinator[Symbol.asyncDispose]();
      data.interrupt();
      stop.abort(new TacetError('the agent ends', { code: 'internal' }));
      // Its failure is told to whoever watches `running`; the end has to be orderly all the same.
      await Promise.allSettled(loops);
      await regeneration.settled();
    },
  };
}

interface Recoverable {
  coordinator: QuiesceCoordinator;
  guestHost: GuestHost;
  journal: Journal;
  file: HealRecordFile;
  healer: Healer;
  log: Logger;
}

/** Reads what an earlier process has left, thaws it, and says whether this copy must be healed. */
async function recoverAndDecide(parts: Recoverable) {
  const { coordinator, healer } = parts;
  let found: FoundOnStart;
  let armed: HealRecord | undefined;
  try {
    found = await look(parts);
    const candidate = healCandidate(found);
    if (candidate) armed = await healer.arm(candidate, found.incarnation.vmid, recordOfThisCopy(found));
  } catch (error) {
    // Whatever is wrong with the rest of the guest: what is held is thawed.
    await coordinator.recover();
    throw error;
  }
  const recovery = await coordinator.recover();
  const order = decideHeal(found, recovery);
  if (armed && order?.manifest !== found.manifest) {
    await healer.disarm(armed);
    armed = undefined;
  }
  if (!order) {
    const done = recordOfThisCopy(found);
    if (done) healer.recall(done);
    return { found, recovery, heal: undefined };
  }
  if (order.kind === 'restore') armed ??= await healer.arm(order.manifest, found.incarnation.vmid);
  healer.expect(order.manifest);
  return { found, recovery, heal: { order, armed } };
}

async function look({ guestHost, journal, file }: Recoverable): Promise<FoundOnStart> {
  const [bootId, incarnation, manifest, standing, record] = await Promise.all([
    guestHost.bootId(),
    guestHost.incarnation(),
    journal.readManifest(),
    journal.readStanding(),
    file.read(),
  ]);
  return { bootId, incarnation, manifest, standing, record };
}

/** The guest's picture as the controller gets it. */
function withFacts(board: StatusBoard, facts: FactsBoard): SessionContext['status'] {
  return {
    current: () => ({ ...board.current(), ...(facts.current !== undefined && { facts: facts.current }) }),
    onChange(listener) {
      const stops = [board.onChange(listener), facts.onChange(listener)];
      return () => {
        for (const stop of stops) stop();
      };
    },
  };
}

function refuseWhileIncomplete({ view }: Healer): void {
  if (!view.isIncomplete) return;
  throw new TacetError('the guest is still healing: a manifest of now would not be what must come back', {
    code: 'wrong-state',
    retryable: true,
  });
}

async function settled(loops: readonly Promise<void>[], signal: AbortSignal): Promise<void> {
  try {
    await Promise.all(loops);
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}
