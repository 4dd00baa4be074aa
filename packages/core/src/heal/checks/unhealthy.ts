import { engineOf } from '../../engine-of-service.ts';
import type { HealCheck } from '../situation.ts';

/** Longer than a check that fails now and then. */
const patienceMs = 60_000;

/**
 * An application is started again. A database never: it may be replaying its log, and would begin anew.
 */
export const unhealthy: HealCheck = ({ service, container }) => {
  if (container?.state !== 'running') return undefined;
  if (container.health === 'starting')
    return { kind: 'wait', because: 'its health check has not passed yet' };
  if (container.health !== 'unhealthy') return undefined;
  const because = 'its health check fails';
  const isDatabase = engineOf({ image: service.image, programs: [], hasSqlite: false }) !== undefined;
  return isDatabase
    ? { kind: 'wait', because }
    : { kind: 'step', action: { kind: 'restart' }, because, patienceMs };
};
