import type { EngineMethodName } from '@tacet/protocol';

/** By an image repository's last name. */
const enginesByRepository: Readonly<Record<string, EngineMethodName>> = {
  mariadb: 'mariadb',
  'mariadb-galera': 'mariadb',
  mongo: 'mongodb',
  mongodb: 'mongodb',
  'mongodb-community-server': 'mongodb',
  mysql: 'mysql',
  'mysql-server': 'mysql',
  percona: 'mysql',
  'percona-server': 'mysql',
  pgvector: 'postgres',
  postgis: 'postgres',
  postgres: 'postgres',
  postgresql: 'postgres',
  timescaledb: 'postgres',
  'timescaledb-ha': 'postgres',
  redis: 'redis',
  'redis-stack-server': 'redis',
  valkey: 'redis',
};

/** By the kernel's name of a server's process. */
const enginesByProgram: Readonly<Record<string, EngineMethodName>> = {
  mariadbd: 'mariadb',
  mongod: 'mongodb',
  mysqld: 'mysql',
  postgres: 'postgres',
  'redis-server': 'redis',
  'valkey-server': 'redis',
};

/** Stores whose files no copy of them is supported of, however still they stand. */
const ownBackupOnly: ReadonlySet<string> = new Set(['elasticsearch', 'opensearch']);

export interface RecognisableService {
  /** As compose names it: `postgres:17`, `registry.example/immich-app/postgres:16`. */
  image: string;
  /** The kernel's names of the processes that run in it; empty where nobody looked. */
  programs: readonly string[];
  /** Whether one of them has a SQLite database open. */
  hasSqlite: boolean;
}

/** What kind of engine a container is, and by what it was recognised; undefined where it is none. */
export function engineOf(
  service: RecognisableService,
): { method: EngineMethodName; by: 'image' | 'process' } | undefined {
  const byImage = enginesByRepository[repositoryOf(service.image)];
  if (byImage) return { method: byImage, by: 'image' };
  const byProgram = service.programs.map((name) => enginesByProgram[name]).find(Boolean);
  if (byProgram) return { method: byProgram, by: 'process' };
  return service.hasSqlite ? { method: 'sqlite', by: 'process' } : undefined;
}

export function needsOwnBackup(image: string): boolean {
  return ownBackupOnly.has(repositoryOf(image));
}

/** So that a registry, an organisation, a tag or a digest do not matter. */
function repositoryOf(image: string): string {
  return image.split('@')[0]?.split('/').at(-1)?.split(':')[0] ?? '';
}
