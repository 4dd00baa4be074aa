import { backoff, TacetError } from '@tacet/runtime';
import type { Regeneration } from '../identity/regeneration.ts';
import type { IdentityHolder } from './identity-state.ts';
import type { Identity, IdentityStore } from './identity-store.ts';
import { Session, type SessionContext, type Welcome } from './session.ts';

export interface SessionLoopOptions extends Omit<SessionContext, 'onIdentity'> {
  identities: IdentityStore;
  identity: IdentityHolder;
  /** For what this copy shall not share with its original. */
  regeneration: Pick<Regeneration, 'begin'>;
  random: () => number;
}

const firstRetryMs = 500;
const retryCapMs = 30_000;
/** A session that lasted this long was a good one: the next is tried as fast as the first. */
const goodSessionMs = 10_000;
const enrolmentPollMs = 2_000;

/** Dials, and dials again, for as long as the agent runs. Ends only with the signal, and never rejects. */
export async function keepSession(options: SessionLoopOptions, signal: AbortSignal): Promise<void> {
  const { clock, log, random } = options;
  const newDelays = () => backoff({ baseMs: firstRetryMs, capMs: retryCapMs, random });
  let delays = newDelays();
  while (!signal.aborted) {
    const startedAt = clock.monotonicMs();
    const identity = await load(options);
    if (identity !== null) await runOnce(options, identity, signal);
    if (clock.monotonicMs() - startedAt > goodSessionMs) delays = newDelays();
    const delayMs = identity === null ? enrolmentPollMs : delays.next().value;
    await clock.sleep(delayMs, signal).catch(() => log.debug('the agent ends: no further session'));
  }
}

async function load({ identities, identity, log }: SessionLoopOptions): Promise<Identity | null> {
  try {
    const found = await identities.load();
    if (found === null) identity.set({ kind: 'not-enrolled' });
    else if (identity.state.kind === 'not-enrolled') identity.set({ kind: 'unasked' });
    return found;
  } catch (error) {
    identity.set({ kind: 'not-enrolled' });
    log.error('the identity of this guest cannot be read', { error });
    return null;
  }
}

async function runOnce(options: SessionLoopOptions, identity: Identity, signal: AbortSignal): Promise<void> {
  const context: SessionContext = {
    ...options,
    onIdentity: (answer) => settleIdentity(options, identity, answer, signal),
  };
  try {
    await new Session(context, signal).run(identity);
  } catch (error) {
    if (signal.aborted) return;
    options.log.warn('no session with the controller', { error });
    if (TacetError.is(error) && !error.retryable)
      options.identity.set({ kind: 'refused', message: error.message });
  }
}

async function settleIdentity(
  { identities, identity: holder, events, regeneration, log }: SessionLoopOptions,
  identity: Identity,
  answer: Welcome['identity'],
  signal: AbortSignal,
): Promise<void> {
  switch (answer.kind) {
    case 'guest':
      holder.set({ kind: 'verified', vmid: answer.vmid });
      regeneration.begin(signal);
      return;
    case 'adopted':
      holder.set({ kind: 'verified', vmid: answer.vmid });
      try {
        const { vmid, credential, regenerate } = answer;
        await identities.save({ ...identity, vmid, credential, regenerate });
        // Not before: a copy that shows its original's credential is known by what would be another then.
        regeneration.begin(signal);
      } catch (error) {
        log.error('the new identity counts, but could not be saved', { error });
      }
      events.emit('guest.adopted', `this copy is guest ${answer.vmid} from now on`, { vmid: answer.vmid });
      return;
    case 'quarantined': {
      const isNews = holder.state.kind !== 'quarantined';
      holder.set({ kind: 'quarantined', reason: answer.reason });
      if (isNews) events.emit('guest.quarantined', `this copy is quarantined: ${answer.reason}`);
    }
  }
}
