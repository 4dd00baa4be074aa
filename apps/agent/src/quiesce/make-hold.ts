import type { EngineContainer } from '../engine/engine.ts';
import type { HoldRecord } from '../journal/schemas.ts';
import { FreezeHold } from './freeze.ts';
import type { MethodPorts, ServiceHold } from './method.ts';
import { PauseHold } from './pause.ts';
import { PostgresHold } from './postgres.ts';
import { RedisHold } from './redis.ts';
import { StopHold } from './stop.ts';

/** A hold that has not been taken yet, on a container that was just seen. */
export function newHold(record: HoldRecord, ports: MethodPorts, container: EngineContainer): ServiceHold {
  return record.method === 'redis'
    ? new RedisHold(record, ports, container, 0)
    : otherHold(record, record.method, ports);
}

/** A hold that an earlier process may have taken: enough to thaw it. `leaseExpiresAt` in epoch milliseconds. */
export function inheritedHold(record: HoldRecord, ports: MethodPorts, leaseExpiresAt: number): ServiceHold {
  return record.method === 'redis'
    ? new RedisHold(record, ports, undefined, leaseExpiresAt)
    : otherHold(record, record.method, ports);
}

function otherHold(
  record: HoldRecord,
  method: Exclude<HoldRecord['method'], 'redis'>,
  ports: MethodPorts,
): ServiceHold {
  switch (method) {
    case 'freeze':
      return new FreezeHold(record, ports);
    case 'postgres':
      return new PostgresHold(record, ports);
    case 'pause':
      return new PauseHold(record, ports);
    case 'stop':
      return new StopHold(record, ports);
  }
}
