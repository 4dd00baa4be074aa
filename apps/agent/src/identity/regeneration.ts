import { regenerableSchema } from '@tacet/protocol';
import { type Clock, describeError, type Logger, runWithin, TacetError } from '@tacet/runtime';
import type { EventLog } from '../session/event-log.ts';
import type { IdentityStore } from '../session/identity-store.ts';
import type { Regenerated, Regenerators } from './regenerators.ts';

export interface RegenerationOptions {
  readonly identities: IdentityStore;
  /** Undefined where this is no guest whose files are the agent's to change. */
  readonly regenerators: Regenerators | undefined;
  readonly events: Pick<EventLog, 'emit'>;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Three keys on a slow machine. */
const deadlineMs = 120_000;

/**
 * Makes anew what the identity says is still owed, one after the other, and strikes each out when it is done or has
 * failed: what fails is told, and not tried for ever. What the agent's end interrupts is owed still.
 */
export class Regeneration {
  readonly #options: RegenerationOptions;
  #running: Promise<void> = Promise.resolve();

  constructor(options: RegenerationOptions) {
    this.#options = options;
  }

  /** Returns at once. To be called when the controller has said that this copy is the guest of its identity. */
  begin(signal: AbortSignal): void {
    this.#running = this.#running.then(() => this.#all(signal));
  }

  /** Resolves when nothing is under way. */
  async settled(): Promise<void> {
    await this.#running;
  }

  /** Never rejects. */
  async #all(signal: AbortSignal): Promise<void> {
    const { identities, log } = this.#options;
    try {
      for (;;) {
        const identity = await identities.load();
        const [thing] = identity?.regenerate ?? [];
        if (thing === undefined || signal.aborted) return;
        await this.#one(thing, signal);
        if (signal.aborted) return;
        await identities.strike(thing);
      }
    } catch (error) {
      log.error('what this copy must not share could not all be made anew', { error });
    }
  }

  async #one(thing: string, signal: AbortSignal): Promise<void> {
    const { regenerators, events, clock } = this.#options;
    try {
      const known = regenerableSchema.safeParse(thing);
      if (!known.success || regenerators === undefined) {
        throw new TacetError(`this agent cannot make ${thing} anew`, { code: 'unsupported-version' });
      }
      const regenerated = await runWithin(
        signal,
        deadlineMs,
        `making ${thing} anew`,
        (within) => regenerators[known.data](within),
        { clock },
      );
      events.emit('identity.regenerated', wordsFor(thing, regenerated), { thing, ...regenerated });
    } catch (error) {
      if (signal.aborted) return;
      const text = `${thing} is the one of the original still: ${describeError(error)}`;
      events.emit('identity.kept', text, { thing, because: describeError(error) });
    }
  }
}

function wordsFor(thing: string, regenerated: Regenerated): string {
  if (regenerated.kind === 'nothing') return `${thing}: nothing to make anew, ${regenerated.because}`;
  const { changes, takesEffect } = regenerated;
  const named = changes.map(({ name, before, after }) => `${name} was ${before}, is ${after}`);
  return `${thing} is this guest’s own: ${named.join('; ')}; ${takesEffect}`;
}
