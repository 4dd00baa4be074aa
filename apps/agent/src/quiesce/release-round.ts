import { TacetError } from '@tacet/runtime';
import type { ServiceFailure } from '@tacet/protocol';
import type { ServiceHold } from '../methods/method.ts';
import { outermost, whyNotHeld } from './intact-check.ts';
import type { Operation } from './operation.ts';
import type { PreparationPorts } from './preparation.ts';
import { thawAll, type ThawPorts, type Unthawed } from './thaw-round.ts';
import { ranUnheld } from './unheld.ts';

/**
 * Thaws everything, once, and sees to the evidence: that each hold was there to its end, how long the probes
 * waited, and what ran without being held. Only the thaw that a proof can be built upon looks so closely.
 */
export async function releaseAll(
  operation: Operation,
  isProof: boolean,
  ports: PreparationPorts & ThawPorts,
): Promise<Unthawed> {
  const { evidence, abort, probes } = operation;
  const seen = new Set(isProof ? outermost(evidence.holds) : []);
  const lost: ServiceFailure[] = [];
  const look = async (hold: ServiceHold): Promise<void> => {
    const why = isProof ? await whyNotHeld(hold, ports) : 'nobody looked';
    evidence.intact(hold, why === undefined);
    const { stack, service } = hold.record;
    if (isProof && why !== undefined) lost.push({ stack, service, phase: 'hold', message: why });
  };
  await Promise.all([...seen].map(look));
  abort.abort(new TacetError('released', { code: 'wrong-state' }));
  const endedAt = ports.clock.now();
  const unthawed = await thawAll(operation.attemptedSteps, {
    ...ports,
    beforeThaw: async (hold) => {
      if (!seen.has(hold)) await look(hold);
    },
  });
  // Everybody writes again: what is asked from here on makes nobody wait.
  await Promise.all([...probes.values()].map((probe) => probe.end()));
  if (isProof) operation.unheld = [...lost, ...(await ranUnheld(operation, endedAt, ports))];
  return unthawed;
}
