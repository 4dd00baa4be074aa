import { describe, expect, it } from 'vitest';
import { type PlannableService, planQuiesce } from './quiesce-planner.ts';

const service = (name: string, image: string, more: Partial<PlannableService> = {}): PlannableService => ({
  stack: 'shop',
  service: name,
  containerId: `id-${name}`,
  image,
  dependsOn: [],
  labels: {},
  ...more,
});

const shop = [
  service('db', 'postgres:17'),
  service('cache', 'redis:8'),
  service('web', 'nginx:1', { dependsOn: ['app'] }),
  service('app', 'example.org/shop/app:3', { dependsOn: ['db', 'cache'] }),
];

const names = (services: PlannableService[]) =>
  planQuiesce(services).waves.map((wave) => wave.map(({ service: name, method }) => `${name}:${method}`));

describe('the plan of a hold', () => {
  it('holds writers before stores, and whoever depends before what it depends on', () => {
    expect(names(shop)).toEqual([['web:freeze'], ['app:freeze'], ['db:postgres', 'cache:redis']]);
  });

  it.each([
    ['registry.example/immich-app/postgres:16-vectorchord', 'postgres'],
    ['timescale/timescaledb:2.17-pg17', 'postgres'],
    ['valkey/valkey@sha256:abc', 'redis'],
    ['localhost:5000/redis', 'redis'],
    ['prometheuscommunity/postgres-exporter:v1', 'freeze'],
    ['rediscommander/redis-commander', 'freeze'],
  ])('knows %s as %s', (image, method) => {
    expect(names([service('x', image)])).toEqual([[`x:${method}`]]);
  });

  it('lets a label override the image', () => {
    const plan = planQuiesce([service('db', 'postgres:17', { labels: { 'tacet.method': 'stop' } })]);
    expect(plan.waves[0]?.[0]).toMatchObject({ method: 'stop', chosenBy: 'label' });
  });

  it('names what a label leaves out, with the reason', () => {
    const plan = planQuiesce([service('tmp', 'busybox', { labels: { 'tacet.method': 'none' } })]);
    expect(plan).toEqual({
      waves: [],
      uncovered: [{ stack: 'shop', service: 'tmp', reason: 'label tacet.method=none' }],
    });
  });

  it('does not leave a service unprotected because of a mistyped label', () => {
    expect(names([service('db', 'postgres:17', { labels: { 'tacet.method': 'pasue' } })])).toEqual([
      ['db:freeze'],
    ]);
  });

  it('keeps stacks apart that use the same service names', () => {
    const other = service('app', 'app', { stack: 'blog', dependsOn: ['db'] });
    expect(
      names([...shop, other])
        .flat()
        .filter((name) => name === 'app:freeze'),
    ).toHaveLength(2);
  });
});
