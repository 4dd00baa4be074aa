import type { StackName, WriteStream } from './types.ts';

/** Where a stream's writes are, and what it takes to read them there. */
export type StreamPlace =
  | { engine: 'postgres'; service: string; user: string; database: string }
  | { engine: 'mariadb'; service: string; volume: string; password: string; tables: MariadbTables }
  /** `flavour` is what its programs are named after; `volume` has its data. */
  | { engine: 'redis'; service: string; flavour: 'redis' | 'valkey'; password: string; volume: string }
  | { engine: 'sqlite'; service: string; volume: string; file: string };

/** A storage engine of MariaDB; its tables are `app.writes_<name>` and, under load, `app.churn_<name>`. */
export type MariadbTables = 'innodb' | 'aria' | 'myisam';

export interface Stack {
  project: string;
  directory: string;
  services: readonly string[];
  /** Services that serve data and write nothing by themselves. */
  databases: readonly string[];
  /** Services whose containers have no restart policy: nothing but heal brings them back after a restore. */
  withoutRestartPolicy: readonly string[];
  streams: Partial<Record<WriteStream, StreamPlace>>;
}

const mariadb = {
  engine: 'mariadb',
  service: 'mariadb',
  volume: 'mariadb-data',
  password: 'battery-horse',
} as const;

/** The compose projects as they lie in every guest. */
export const stacks = {
  shop: {
    project: 'shop',
    directory: '/opt/stacks/shop',
    services: ['db', 'cache', 'web', 'writer'],
    databases: ['db', 'cache'],
    withoutRestartPolicy: ['web', 'writer'],
    streams: {
      postgres: { engine: 'postgres', service: 'db', user: 'shop', database: 'shop' },
      redis: {
        engine: 'redis',
        service: 'cache',
        flavour: 'redis',
        password: 'staple-correct',
        volume: 'cache-data',
      },
    },
  },
  engines: {
    project: 'engines',
    directory: '/opt/stacks/engines',
    services: ['postgres', 'mariadb', 'redis-rdb', 'redis-aof', 'valkey', 'sqlite', 'writer'],
    databases: ['postgres', 'mariadb', 'redis-rdb', 'redis-aof', 'valkey'],
    withoutRestartPolicy: ['sqlite', 'writer'],
    streams: {
      postgres: { engine: 'postgres', service: 'postgres', user: 'app', database: 'app' },
      mariadb: { ...mariadb, tables: 'innodb' },
      aria: { ...mariadb, tables: 'aria' },
      myisam: { ...mariadb, tables: 'myisam' },
      'redis-rdb': {
        engine: 'redis',
        service: 'redis-rdb',
        flavour: 'redis',
        password: 'rubber-band',
        volume: 'redis-rdb-data',
      },
      'redis-aof': {
        engine: 'redis',
        service: 'redis-aof',
        flavour: 'redis',
        password: 'staple-gun',
        volume: 'redis-aof-data',
      },
      valkey: {
        engine: 'redis',
        service: 'valkey',
        flavour: 'valkey',
        password: 'ball-point',
        volume: 'valkey-data',
      },
      sqlite: { engine: 'sqlite', service: 'sqlite', volume: 'sqlite-data', file: 'app.db' },
    },
  },
} as const satisfies Record<StackName, Stack>;

export function streamsOf(name: StackName): [WriteStream, StreamPlace][] {
  return Object.entries(stacks[name].streams) as [WriteStream, StreamPlace][];
}

export function containerOf(name: StackName, service: string): string {
  return `${stacks[name].project}-${service}-1`;
}

/** Path in the guest of a file in a named volume. */
export function volumePath(name: StackName, volume: string, file = ''): string {
  return `/var/lib/docker/volumes/${stacks[name].project}_${volume}/_data/${file}`;
}
