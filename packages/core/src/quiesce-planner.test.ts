import { describe, expect, it } from 'vitest';
import { type PlannableService, planQuiesce } from './quiesce-planner.ts';

const service = (name: string, image: string, more: Partial<PlannableService> = {}): PlannableService => ({
  stack: 'shop',
  service: name,
  containerId: name,
  image,
  dependsOn: [],
  labels: {},
  programs: [],
  hasSqlite: false,
  ...more,
});

const labelled = (name: string, labels: Record<string, string>, image = 'app:1') =>
  service(name, image, { labels });

const shop = [
  service('db', 'postgres:17'),
  service('cache', 'redis:8'),
  service('web', 'nginx:1', { dependsOn: ['app'] }),
  service('app', 'example.org/shop/app:3', { dependsOn: ['db', 'cache'] }),
];

const steps = (services: PlannableService[], facts?: Parameters<typeof planQuiesce>[1]) =>
  planQuiesce(services, facts).steps.map(({ action, containerIds }) => `${action} ${containerIds.join(' ')}`);

const methods = (services: PlannableService[]) =>
  planQuiesce(services).services.map(({ service: name, method }) => `${name}:${method}`);

const costs = (ms: Record<string, number | null>) =>
  new Map(
    Object.entries(ms).map(([id, predictedHoldMs]) => [id, { engine: null, predictedHoldMs, notes: [] }]),
  );

const under = (policy: string) =>
  shop.map((one) => ({ ...one, labels: one.service === 'web' ? { 'tacet.policy': policy } : {} }));

describe('the plan of a hold', () => {
  it('freezes whoever writes, locks what has a lock, and freezes that too', () => {
    expect(steps(shop)).toEqual(['freeze db web app', 'lock cache', 'freeze cache']);
  });

  it('takes a lock that costs much alone and first, so that nobody waits for it', () => {
    const services = [...shop, service('maria', 'mariadb:11'), service('queue', 'valkey/valkey:8')];
    expect(steps(services, costs({ cache: 336, maria: 9, queue: 1_900 }))).toEqual([
      'lock queue',
      'lock cache',
      'freeze db web app',
      'lock maria',
      'freeze cache maria queue',
    ]);
    expect(steps(services, costs({ cache: 30, maria: 9, queue: null }))).toEqual([
      'freeze db web app',
      'lock cache maria queue',
      'freeze cache maria queue',
    ]);
  });

  it.each([
    ['registry.example/immich-app/postgres:16-vectorchord', 'postgres'],
    ['timescale/timescaledb:2.17-pg17', 'postgres'],
    ['valkey/valkey@sha256:abc', 'redis'],
    ['localhost:5000/redis', 'redis'],
    ['linuxserver/mariadb', 'mariadb'],
    ['mysql:8.4', 'mysql'],
    ['mongo', 'mongodb'],
    ['prometheuscommunity/postgres-exporter:v1', 'freeze'],
    ['rediscommander/redis-commander', 'freeze'],
  ])('knows %s as %s', (image, method) => {
    expect(methods([service('x', image)])).toEqual([`x:${method}`]);
  });

  it('knows an engine by what runs in it, and SQLite by its files', () => {
    expect(
      planQuiesce([
        service('own', 'homemade:3', { programs: ['tini', 'mariadbd'] }),
        service('vault', 'vaultwarden/server', { programs: ['vaultwarden'], hasSqlite: true }),
      ]).services,
    ).toMatchObject([
      { service: 'own', method: 'mariadb', chosenBy: 'process', holds: ['lock', 'freeze'] },
      { service: 'vault', method: 'sqlite', chosenBy: 'process', holds: ['freeze'] },
    ]);
  });

  it('keeps stacks apart that use the same service names', () => {
    const other = service('app', 'app', { stack: 'blog', containerId: 'blog-app', dependsOn: ['db'] });
    const stop = { labels: { 'tacet.policy': 'stop' } };
    expect(steps([...shop.map((one) => ({ ...one, ...stop })), other])).toEqual([
      'stop web',
      'stop app',
      'stop db cache',
      'freeze blog-app',
    ]);
  });
});

describe('a label', () => {
  it('overrides the image', () => {
    const plan = planQuiesce([labelled('db', { 'tacet.method': 'stop' }, 'postgres:17')]);
    expect(plan.services).toMatchObject([{ method: 'stop', chosenBy: 'label', holds: ['stop'] }]);
  });

  it('leaves a service out, by name and with the reason', () => {
    const plan = planQuiesce([labelled('tmp', { 'tacet.method': 'none' })]);
    expect(plan).toEqual({
      services: [],
      steps: [],
      uncovered: [{ stack: 'shop', service: 'tmp', reason: 'label tacet.method=none' }],
    });
  });

  it.each([
    [{ 'tacet.method': 'pasue' }, /^label tacet\.method=pasue: /],
    [{ 'tacet.metod': 'pause' }, /^label tacet\.metod is not known$/],
    [{ 'tacet.exec.timeout': '10' }, /a duration such as 500ms or 30s$/],
  ])('that is not right (%o) protects all the same, and is told', (labels, note) => {
    const [planned] = planQuiesce([labelled('db', labels, 'mariadb:11')]).services;
    expect(planned).toMatchObject({ method: 'mariadb', chosenBy: 'image', holds: ['lock', 'freeze'] });
    expect(planned?.notes).toEqual([expect.stringMatching(note)]);
  });

  it('with a command is enough to run it', () => {
    const plan = planQuiesce([labelled('wiki', { 'tacet.exec.hold': 'occ maintenance:mode --on' })]);
    expect(plan.services).toMatchObject([{ method: 'exec', holds: ['lock', 'freeze'] }]);
  });

  it('with nothing but a preparation does not pretend to hold', () => {
    const labels = { 'tacet.exec.prepare': 'sync-now' };
    expect(planQuiesce([labelled('wiki', labels)]).services).toMatchObject([
      { method: 'exec', holds: ['freeze'] },
    ]);
    const alone = planQuiesce([labelled('wiki', { ...labels, 'tacet.policy': 'flush' })]);
    expect([alone.services[0]?.holds, alone.uncovered[0]?.service]).toEqual([[], 'wiki']);
  });
});

describe('a policy', () => {
  it.each([
    ['sweep', ['freeze db web app', 'lock cache', 'freeze cache']],
    ['flush', ['lock cache']],
    ['freeze', ['freeze db cache web app']],
    ['pause', ['pause web', 'pause app', 'pause db cache']],
    ['stop', ['stop web', 'stop app', 'stop db cache']],
    ['none', []],
  ])('%s, given by one service, counts for its stack', (policy, expected) => {
    expect(steps(under(policy))).toEqual(expected);
  });

  it('flush names what it does not hold, and still flushes it', () => {
    const plan = planQuiesce(under('flush'));
    expect(plan.uncovered.map(({ service: name, reason }) => `${name}: ${reason}`)).toEqual([
      'db: flushed, and not held (policy flush)',
      'web: nothing to flush, and not held (policy flush)',
      'app: nothing to flush, and not held (policy flush)',
    ]);
    expect(plan.services.find(({ service: name }) => name === 'db')).toMatchObject({
      method: 'postgres',
      holds: [],
    });
  });

  it('flush holds by its own lock what an atomic snapshot would keep anyway', () => {
    const notes = service('notes', 'memos:1', { labels: { 'tacet.policy': 'flush' }, hasSqlite: true });
    expect(steps([notes])).toEqual(['lock notes']);
  });

  it('can be left by one service', () => {
    const services = under('flush').map((one) =>
      one.service === 'app' ? { ...one, labels: { 'tacet.method': 'freeze' } } : one,
    );
    expect(steps(services)).toEqual(['freeze app', 'lock cache']);
  });

  it('is the strictest where the services of a stack disagree, and each of them is told', () => {
    const plan = planQuiesce([
      labelled('a', { 'tacet.policy': 'flush' }),
      labelled('b', { 'tacet.policy': 'pause' }),
    ]);
    expect(plan.services.map(({ holds, notes }) => [holds, notes])).toEqual([
      [['pause'], ["its stack's services give different policies: pause counts"]],
      [['pause'], ["its stack's services give different policies: pause counts"]],
    ]);
  });
});

it('says of whose files no copy is supported', () => {
  expect(planQuiesce([service('search', 'opensearchproject/opensearch:2')]).services[0]?.notes).toEqual([
    'no copy of its files is supported: back it up by its snapshot API',
  ]);
});
