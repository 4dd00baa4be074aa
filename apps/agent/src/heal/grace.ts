import type { Clock } from '@tacet/runtime';
import type { IdentityHolder } from '../session/identity-state.ts';
import { Wakeup } from '../wakeup.ts';

/**
 * Waits until the controller has said who this copy is, but not for long: a guest must come back without its
 * controller, and goes on alone until it is heard. One that belongs to none has nothing to wait for.
 */
export async function identityOrGrace(
  identity: IdentityHolder,
  graceMs: number,
  clock: Clock,
  signal: AbortSignal,
): Promise<void> {
  const wakeup = new Wakeup(clock);
  const stopListening = identity.onChange(() => wakeup.notify());
  const endsAt = clock.monotonicMs() + graceMs;
  try {
    while (identity.state.kind === 'unasked' && clock.monotonicMs() < endsAt) {
      await wakeup.wait(endsAt - clock.monotonicMs(), signal);
    }
  } finally {
    stopListening();
  }
  if (identity.state.kind === 'unasked') identity.set({ kind: 'alone' });
}
