import { planQuiesce } from '@tacet/core';
import type { ServiceFailure } from '@tacet/protocol';
import { type Clock, describeError, type Logger, runWithin } from '@tacet/runtime';
import { discover, type DiscoveredService, toPlannable } from '../discovery/compose.ts';
import type { Engine } from '../engine/engine.ts';
import type { Operation } from './operation.ts';

/** Writes go on already: this costs no stall, only the controller's patience with the answer. */
const lookMs = 3_000;

/**
 * What ran at some time until `untilMs` (the guest's wall clock, as the engine's) without being held or left
 * out on purpose: started during the hold by a timer, an operator or a restart policy. Its writes are not
 * covered by what the hold proves, so each is a failure of the hold; so is not to know.
 */
export async function ranUnheld(
  operation: Operation,
  untilMs: number,
  { engine, clock, logger }: { engine: Engine; clock: Clock; logger: Logger },
): Promise<ServiceFailure[]> {
  const held = new Set(operation.evidence.holds.map(({ record }) => record.containerId));
  const told = new Set(operation.plan.uncovered.map(nameOf));
  const ran = (one: DiscoveredService): boolean => {
    const { state, startedAt } = one.container;
    return startedAt <= untilMs && (state === 'running' || startedAt >= operation.armedAt);
  };
  try {
    const containers = await runWithin(
      undefined,
      lookMs,
      'asking the engine what else ran',
      (signal) => engine.containers(signal),
      { clock },
    );
    const services = discover(containers);
    const wanted = new Set(
      planQuiesce(services.map((one) => ({ ...toPlannable(one), programs: [], hasSqlite: false })))
        .services.filter(({ holds }) => holds.length > 0)
        .map(({ containerId }) => containerId),
    );
    return services
      .filter((one) => ran(one) && wanted.has(one.container.id))
      .filter((one) => !held.has(one.container.id) && !told.has(nameOf(one)))
      .map(({ stack, service }) => ({ stack, service, phase: 'hold', message: 'ran, and was not held' }));
  } catch (error) {
    logger.warn('nobody knows what else ran during the hold', { operationId: operation.id, error });
    return [{ stack: '', service: '', phase: 'hold', message: describeError(error) }];
  }
}

function nameOf({ stack, service }: { stack: string; service: string }): string {
  return `${stack}/${service}`;
}
