import { ran } from '@tacet/core';
import type { Incarnation, Manifest, ManifestService } from '@tacet/protocol';
import { type Clock, describeError, type Logger, runWithin } from '@tacet/runtime';
import { composeProjects, discover, manifestServices } from '../discovery/compose.ts';
import type { Engine } from '../engine/engine.ts';
import type { Journal } from '../journal/journal.ts';
import type { Wakeup } from '../wakeup.ts';
import { type HealOrder, returning } from './heal-decision.ts';
import type { Healer } from './healer.ts';

export interface StandingOptions {
  engine: Engine;
  journal: Pick<Journal, 'writeStanding'>;
  healer: Pick<Healer, 'view' | 'expect' | 'run'>;
  guest: { bootId: string; incarnation: Incarnation; agentVersion: string };
  /** What was last known, if anything. Of this boot, what does not run any more was stopped by somebody. */
  known: Manifest | undefined;
  isIdle: () => boolean;
  /** Notified at each change of a container, and when a hold has ended. */
  wakeup: Wakeup;
  clock: Clock;
  log: Logger;
}

const observeMs = 15_000;
/** Unless something changes: for what was not reported, or could not be written. */
const idleRoundMs = 60_000;

/**
 * Keeps the standing manifest: what runs now, on the disk, for the next start of the guest or its engine.
 *
 * The engine does not say whether it or somebody else has stopped a container. So what stops while the engine
 * is watched was stopped on purpose, or has ended by itself; what no longer runs after the engine was away
 * went down with it, and is brought back.
 */
export class Standing {
  readonly #options: StandingOptions;
  #known: Manifest | undefined;
  /** Containers seen running since the engine was last away. */
  readonly #seenRunning = new Set<string>();
  #engineWasAway = false;
  /** What does not run, and nobody saw stop, went down with its engine. */
  #wentUnseen: boolean;

  constructor(options: StandingOptions) {
    this.#options = options;
    this.#known = options.known;
    this.#wentUnseen = options.known?.bootId !== options.guest.bootId;
  }

  /** The stream of the engine's changes has ended: whatever happened until it is back, nobody saw. */
  engineLost(): void {
    const { healer, wakeup } = this.#options;
    this.#seenRunning.clear();
    this.#wentUnseen = true;
    this.#engineWasAway = true;
    const order = this.#orderOfReturn();
    if (order && healer.view.manifest === undefined) healer.expect(order.manifest);
    wakeup.notify();
  }

  /** To be run after the heal of the start. */
  async keep(signal: AbortSignal): Promise<void> {
    const { isIdle, wakeup, healer, log } = this.#options;
    for (;;) {
      if (isIdle()) {
        if (this.#engineWasAway) {
          this.#engineWasAway = false;
          const order = this.#orderOfReturn();
          if (order) await healer.run(order, undefined, signal);
        }
        try {
          await this.#look(signal);
        } catch (error) {
          signal.throwIfAborted();
          log.warn('what runs now could not be written down', { error: describeError(error) });
        }
      }
      await wakeup.wait(idleRoundMs, signal);
    }
  }

  async #look(signal: AbortSignal): Promise<void> {
    const { engine, clock, guest, journal, isIdle } = this.#options;
    const { containers, engineVersion } = await runWithin(
      signal,
      observeMs,
      'looking at what runs',
      async (within) => ({
        containers: await engine.containers(within),
        engineVersion: await engine.version(within),
      }),
      { clock },
    );
    // A hold that has begun meanwhile may have stopped some of them; an engine that is going down, all.
    if (!isIdle() || this.#engineWasAway) return;
    const discovered = discover(containers);
    const services = manifestServices(discovered).map((service) => this.#lasting(service));
    const known = this.#known;
    if (known?.bootId === guest.bootId && fingerprint(known.services) === fingerprint(services)) return;
    this.#known = {
      version: 3,
      ...guest,
      operationId: `standing-${guest.bootId}`,
      takenAt: Math.floor(clock.now()),
      engineVersion,
      services,
      projects: composeProjects(discovered),
    };
    await journal.writeStanding(this.#known);
  }

  /** As it is, or as it was where nobody has seen it stop. */
  #lasting(service: ManifestService): ManifestService {
    if (ran(service)) {
      this.#seenRunning.add(service.containerId);
      return { ...service, state: 'running', health: 'none', exitCode: null };
    }
    const before = this.#known?.services.find(({ containerId }) => containerId === service.containerId);
    const wentUnseen = this.#wentUnseen && !this.#seenRunning.has(service.containerId);
    return before && ran(before) && wentUnseen ? before : service;
  }

  /** Towards what was seen in this boot alone: a start of the guest has its own heal. */
  #orderOfReturn(): HealOrder | undefined {
    if (this.#known?.bootId !== this.#options.guest.bootId) return undefined;
    return { kind: 'engine-return', manifest: returning(this.#known), because: 'the engine was away' };
  }
}

function fingerprint(services: readonly ManifestService[]): string {
  return JSON.stringify(services);
}
