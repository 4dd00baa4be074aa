import { type EngineMethodName, readLabels, type StackPolicy } from '@tacet/protocol';
import type { HoldRecord } from '../journal/schemas.ts';
import { ExecMethod, inheritedExecLock } from './exec.ts';
import { FreezeHold } from './freeze.ts';
import { inheritedMariaDbLock, MariaDbMethod } from './mariadb.ts';
import type { EngineMethod, MethodPorts, MethodTarget, ServiceHold } from './method.ts';
import { inheritedMongoLock, MongoMethod } from './mongodb.ts';
import { inheritedMySqlLock, MySqlMethod } from './mysql.ts';
import { PauseHold } from './pause.ts';
import { PostgresMethod } from './postgres.ts';
import { inheritedRedisLock, RedisMethod } from './redis.ts';
import { inheritedSqliteLock, SqliteMethod } from './sqlite.ts';
import { StopHold } from './stop.ts';

const engineMethods = {
  postgres: PostgresMethod,
  mariadb: MariaDbMethod,
  mysql: MySqlMethod,
  redis: RedisMethod,
  mongodb: MongoMethod,
  sqlite: SqliteMethod,
  exec: ExecMethod,
} satisfies Record<EngineMethodName, new (...parts: never[]) => EngineMethod>;

/**
 * For a container that was just seen; nothing is opened yet. `policy` is its stack's, which another service's
 * label may have given.
 */
export function newEngineMethod(
  name: EngineMethodName,
  target: MethodTarget,
  policy: StackPolicy,
  ports: MethodPorts,
): EngineMethod {
  const { labels } = readLabels(target.container.labels);
  return new engineMethods[name](target, ports, { ...labels, 'tacet.policy': policy });
}

/** The holds that need nothing but the engine or the kernel. */
export function newGenericHold(
  record: HoldRecord & { action: 'freeze' | 'pause' | 'stop' },
  ports: MethodPorts,
): ServiceHold {
  switch (record.action) {
    case 'freeze':
      return new FreezeHold(record, ports);
    case 'pause':
      return new PauseHold(record, ports);
    case 'stop':
      return new StopHold(record, ports);
  }
}

/** What an earlier process may have held: enough to thaw it. `leaseExpiresAt` in epoch milliseconds. */
export function inheritedHold(record: HoldRecord, ports: MethodPorts, leaseExpiresAt: number): ServiceHold {
  const { action } = record;
  if (action !== 'lock') return newGenericHold({ ...record, action }, ports);
  switch (record.method) {
    case 'mariadb':
      return inheritedMariaDbLock(record, ports, leaseExpiresAt);
    case 'mysql':
      return inheritedMySqlLock(record, ports, leaseExpiresAt);
    case 'redis':
      return inheritedRedisLock(record, ports, leaseExpiresAt);
    case 'mongodb':
      return inheritedMongoLock(record, ports, leaseExpiresAt);
    case 'sqlite':
      return inheritedSqliteLock(record, ports, leaseExpiresAt);
    case 'exec':
      return inheritedExecLock(record, ports, leaseExpiresAt);
    case 'postgres':
    case 'freeze':
    case 'pause':
    case 'stop':
      // None of them has a lock: the cgroup is all that could be held.
      return new FreezeHold(record, ports);
  }
}
