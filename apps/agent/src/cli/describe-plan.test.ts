import { planQuiesce, type PlannableService } from '@tacet/core';
import { describe, expect, it } from 'vitest';
import { describePlan } from './describe-plan.ts';

const service = (
  stack: string,
  name: string,
  image: string,
  more: Partial<PlannableService> = {},
): PlannableService => ({
  stack,
  service: name,
  containerId: `id-${stack}-${name}`,
  image,
  dependsOn: [],
  labels: {},
  programs: [],
  hasSqlite: false,
  ...more,
});

/** Twelve services of a guest that somebody could really run, each quiesced in another way. */
const guest = [
  service('photos', 'database', 'registry.example/immich-app/postgres:14-vectorchord'),
  service('photos', 'cache', 'valkey/valkey:8'),
  service('photos', 'server', 'registry.example/immich-app/immich-server:v2', {
    dependsOn: ['database', 'cache'],
  }),
  service('cloud', 'db', 'mariadb:11'),
  service('cloud', 'sessions', 'redis:8', { labels: { 'tacet.redis.dump': 'strict' } }),
  service('cloud', 'app', 'nextcloud:31', {
    dependsOn: ['db', 'sessions'],
    labels: {
      'tacet.exec.hold': 'php occ maintenance:mode --on',
      'tacet.exec.thaw': 'php occ maintenance:mode --off',
    },
  }),
  service('vault', 'vaultwarden', 'vaultwarden/server:1', { hasSqlite: true }),
  service('crm', 'mysql', 'mysql:8.4'),
  service('chat', 'mongo', 'mongo:8'),
  service('search', 'opensearch', 'opensearchproject/opensearch:3'),
  service('media', 'jellyfin', 'jellyfin/jellyfin:10', { labels: { 'tacet.method': 'none' } }),
  service('wiki', 'wiki', 'wiki:2', { labels: { 'tacet.policy': 'stop', 'tacet.metod': 'stop' } }),
];

const facts = new Map(
  Object.entries({
    'id-photos-database': fact('PostgreSQL 14.19'),
    'id-photos-cache': fact('Valkey 8.1.1, append-only file', 2),
    'id-cloud-db': fact('MariaDB 11.8.3', 9, 'MyISAM tables, which no crash recovery repairs: shop.visits'),
    'id-cloud-sessions': fact(
      'Redis 8.0.2, dump',
      336,
      'a dump of about 336 ms is taken in the hold (strict)',
    ),
    'id-crm-mysql': fact('MySQL 8.4.6', null, 'untested on the real server'),
    'id-chat-mongo': fact('MongoDB 8.0.4', null, 'untested on the real server'),
    'id-vault-vaultwarden': fact('SQLite 3.46.1, 1 database'),
  }),
);

function fact(engine: string, predictedHoldMs: number | null = null, ...notes: string[]) {
  return { engine, predictedHoldMs, notes };
}

describe('the plan of a guest with twelve different services', () => {
  const plan = planQuiesce(guest, facts);

  it('is readable by a person', async () => {
    await expect(describePlan(plan)).toMatchFileSnapshot('./fixtures/twelve-services.txt');
  });

  it('and by a program', async () => {
    await expect(`${JSON.stringify(plan, null, 2)}\n`).toMatchFileSnapshot('./fixtures/twelve-services.json');
  });
});

it('says so when nothing runs', () => {
  expect(describePlan(planQuiesce([]))).toBe('Nothing runs here.\n');
});
