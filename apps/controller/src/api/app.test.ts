import { type Backup, problemSchema } from '@tacet/protocol';
import { silentLogger, systemClock } from '@tacet/runtime';
import { KeyRing } from '@tacet/runtime/sealing';
import type { OpenAPIHono } from '@hono/zod-openapi';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { Access } from '../access/access.ts';
import { trustedProxies } from '../access/client-address.ts';
import { Doctor } from '../doctor/doctor.ts';
import { EventLog } from '../event-log.ts';
import { Copies } from '../gateway/copies.ts';
import { Enrolment } from '../gateway/enrolment.ts';
import { Roster } from '../gateway/roster.ts';
import { Operations } from '../jobs/operations.ts';
import { thawNow } from '../jobs/thaw-now.ts';
import { Metrics } from '../metrics/metrics.ts';
import { notificationConfigSchema } from '../notifications/config.ts';
import { NotificationDesk } from '../notifications/notification-desk.ts';
import { hashSecret } from '../secrets.ts';
import { ScheduleDesk } from '../schedules/schedule-desk.ts';
import { openStore, type Store } from '../store/open-store.ts';
import { FakeAgents } from '../testing/fake-agents.ts';
import { fakeNodes, FakeNode, goodBackup } from '../testing/fake-node.ts';
import { FakeQuiesce } from '../testing/fake-quiesce.ts';
import { createApi } from './app.ts';

describe('the HTTP API', () => {
  let api: OpenAPIHono;
  let store: Store;
  let node: FakeNode;
  let operations: Operations;

  beforeEach(async () => {
    const clock = systemClock;
    const log = silentLogger;
    store = await openStore(':memory:');
    await store.apiTokens.put('cli', hashSecret('token'), clock.now());
    const events = new EventLog({ events: store.events, clock, log });
    const roster = new Roster();
    const quiesce = new FakeQuiesce(clock);
    const agents = new FakeAgents(quiesce, clock);
    node = new FakeNode(clock, quiesce.journal);
    const limits = {
      prepareDeadlineMs: 1_000,
      holdDeadlineMs: 1_000,
      leaseMs: 5_000,
      maxHoldMs: 5_000,
      backupDeadlineMs: 5_000,
      restoreDeadlineMs: 5_000,
      readyDeadlineMs: 5_000,
    };
    const ports = { agents, nodes: fakeNodes(node, [101, 102]), clock, limits };
    operations = new Operations({
      store,
      events,
      clock,
      log,
      backup: { ...ports, random: () => 0 },
      restore: { ...ports, orders: store.restoreOrders },
    });
    const enrolment = new Enrolment({
      store,
      events,
      clock,
      roster,
      controller: () => ({ url: 'https://127.0.0.1:1', fingerprint: Array(32).fill('AA').join(':') }),
      ttlMs: 1_000,
    });
    const nodes = { ...ports.nodes, guests: async () => [] };
    const schedules = await ScheduleDesk.open({ ...ports, nodes, store, operations, events, log });
    api = createApi({
      version: '0.1.0',
      access: new Access({ store, clock, log, limits: { loginIdleMs: 1_000_000, loginMaxMs: 1_000_000 } }),
      clock,
      metrics: await Metrics.create({
        version: '0.1.0',
        store,
        roster,
        running: () => operations.running(),
        backupReady: async () => new Map(),
      }),
      web: {
        publicOrigin: undefined,
        trustedProxies: trustedProxies([]),
        metricsFromLoopback: false,
        loginMaxMs: 1_000_000,
        dashboardDir: '/nowhere',
      },
      store,
      events,
      roster,
      enrolment,
      copies: new Copies({ store, events, clock, roster, exclusively: (work) => work() }),
      operations,
      thawNow: (vmid) => thawNow(vmid, { agents, leaseMs: 5_000 }, new AbortController().signal),
      schedules,
      notifications: await NotificationDesk.open({
        store,
        events,
        roster,
        isBusy: (vmid) => operations.isBusy(vmid),
        keys: KeyRing.create(),
        config: notificationConfigSchema.parse({}),
        version: '0.1.0',
        origin: () => 'https://127.0.0.1:1',
        clock,
        log,
        random: () => 0,
        onAttempt: () => undefined,
      }),
      doctor: new Doctor({
        nodes: [],
        guests: () => store.guests.list(),
        live: () => undefined,
        retentions: async () => [],
        hook: undefined,
        controllerVersion: '0.1.0',
        reports: store.doctorReports,
        clock,
        log,
      }),
      installation: { settings: [], nodes: async () => [] },
      simulation: { nodes: ['pve1'], isSimulated: () => true },
      log,
      signal: new AbortController().signal,
    });
    return async () => {
      await schedules[Symbol.asyncDispose]();
      await operations[Symbol.asyncDispose]();
      await store[Symbol.asyncDispose]();
    };
  });

  async function call(
    method: string,
    path: string,
    body?: unknown,
    authorization = 'Bearer token',
  ): Promise<{ status: number; type: string | null; body: unknown }> {
    const headers = { authorization, ...(body !== undefined && { 'content-type': 'application/json' }) };
    const text = typeof body === 'string' ? body : JSON.stringify(body);
    const answer = await api.request(path, { method, headers, ...(body !== undefined && { body: text }) });
    return {
      status: answer.status,
      type: answer.headers.get('content-type'),
      body: await answer.json(),
    };
  }

  async function refusal(...args: Parameters<typeof call>): Promise<[number, string]> {
    const answer = await call(...args);
    expect(answer.type).toBe('application/problem+json');
    const problem = problemSchema.parse(answer.body);
    expect(problem.status).toBe(answer.status);
    return [problem.status, problem.code];
  }

  it.each(['', 'Bearer', 'Bearer wrong', 'Basic token', 'token'])(
    'refuses the credentials %o',
    async (auth) => {
      expect(await refusal('GET', '/api/v1/guests', undefined, auth)).toEqual([401, 'unauthorized']);
    },
  );

  it('answers health and its own description to anybody', async () => {
    expect(await call('GET', '/healthz', undefined, '')).toMatchObject({ status: 200 });
    expect(await call('GET', '/api/v1/openapi.json', undefined, '')).toMatchObject({ status: 200 });
  });

  it('can be browsed: every route with who may ask it, and nothing that a page would have to load', async () => {
    const page = await (await api.request('/api/v1/docs')).text();
    expect(page).toContain('<code>POST /api/v1/guests/{vmid}/backups</code>');
    expect(page).toContain('Needs the role operator.');
    expect(page).toContain('&quot;maxHoldMs&quot;');
    expect(page).not.toMatch(/<script|<style|<link|style=|src=/);
  });

  it('describes every route that it has', async () => {
    const { body } = await call('GET', '/api/v1/openapi.json');
    const { paths } = body as { paths: Record<string, Record<string, unknown>> };
    const described = Object.entries(paths).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
    );
    const served = api.routes
      .filter(({ method, path }) => method !== 'ALL' && path !== '/*')
      .map(({ method, path }) => `${method} ${path.replaceAll(/:(\w+)/g, '{$1}')}`);
    expect(described.toSorted()).toEqual([...new Set(served)].toSorted());
    expect(described.length).toBeGreaterThan(10);
  });

  it('has a name for every route, and no two have the same', async () => {
    const { body } = await call('GET', '/api/v1/openapi.json');
    const { paths } = body as { paths: Record<string, Record<string, { operationId?: string }>> };
    const named = Object.entries(paths).flatMap(([path, methods]) =>
      Object.entries(methods).map(([method, { operationId }]) => ({
        route: `${method} ${path}`,
        operationId,
      })),
    );
    const verbAndNoun = /^[a-z]+(?:[A-Z][a-z]+)+$/;
    expect(named.filter(({ operationId }) => !verbAndNoun.test(operationId ?? ''))).toEqual([]);
    expect(new Set(named.map(({ operationId }) => operationId)).size).toBe(named.length);
    expect(named).toContainEqual({ route: 'post /api/v1/guests/{vmid}/backups', operationId: 'startBackup' });
  });

  it.each([
    ['GET', '/api/v1/nowhere', undefined, 404, 'not-found'],
    ['GET', '/api/v1/guests/999', undefined, 404, 'not-found'],
    ['GET', '/api/v1/operations/none', undefined, 404, 'not-found'],
    ['POST', '/api/v1/guests/101/restores', { to: 201 }, 404, 'not-found'],
    ['GET', '/api/v1/guests/7', undefined, 400, 'invalid-input'],
    ['GET', '/api/v1/guests/abc', undefined, 400, 'invalid-input'],
    ['POST', '/api/v1/guests/101/backups', { storage: 7 }, 400, 'invalid-input'],
    ['POST', '/api/v1/guests/101/backups', '{', 400, 'invalid-input'],
    ['POST', '/api/v1/guests/101/restores', {}, 400, 'invalid-input'],
    ['POST', '/api/v1/guests/101/backups', { storage: 'x'.repeat(70_000) }, 400, 'invalid-input'],
    ['GET', '/api/v1/events?limit=0', undefined, 400, 'invalid-input'],
    ['POST', '/api/v1/agents/enroll', { secret: 'x' }, 400, 'invalid-input'],
  ])('answers %s %s %j with %i %s', async (method, path, body, status, code) => {
    expect(await refusal(method, path, body)).toEqual([status, code]);
  });

  it('starts one operation on a guest at a time', async () => {
    node.will([() => systemClock.sleep(200), ...goodBackup]);
    expect(await call('POST', '/api/v1/guests/101/backups', {})).toMatchObject({
      status: 202,
      body: { kind: 'backup', vmid: 101, state: 'running' },
    });
    expect(await refusal('POST', '/api/v1/guests/101/backups', {})).toEqual([409, 'conflict']);
  });

  it('tells how an operation failed, with its code', async () => {
    const started = await call('POST', '/api/v1/guests/555/backups', {});
    const { id } = started.body as { id: string };
    await expect
      .poll(async () => (await call('GET', `/api/v1/operations/${id}`)).body)
      .toMatchObject({ state: 'failed', error: { code: 'not-found' } });
  });

  it('waits for the next event when asked to', async () => {
    const waiting = call('GET', '/api/v1/events?after=0&waitMs=20000');
    await call('POST', '/api/v1/guests/555/backups', {});
    const { body } = await waiting;
    expect(body).toMatchObject({ events: [{ type: 'operation.started' }] });
  });

  async function walk(list: 'operations' | 'backups'): Promise<string[]> {
    const seen: string[] = [];
    for (let next: string | null = ''; next !== null;) {
      const cursor: string = next === '' ? '' : `&cursor=${next}`;
      const { body } = await call('GET', `/api/v1/${list}?limit=2${cursor}`);
      const page = body as Record<string, { id: string }[]> & { next: string | null };
      seen.push(...(page[list] ?? []).map(({ id }) => id));
      next = page.next;
    }
    return seen;
  }

  it('lists what there is in pages, each once, also what shares its time', async () => {
    const ids = Array.from({ length: 5 }, (_, n) => `op${n}`);
    for (const [n, id] of ids.entries()) {
      await store.operations.create({ id, kind: 'backup', vmid: 101, startedAt: Math.floor(n / 2) });
      await store.backups.create(backupOf(id, Math.floor(n / 2)), 'local');
    }
    expect(await walk('operations')).toEqual(ids.toReversed());
    expect(await walk('backups')).toEqual(ids.toReversed());
    expect(await refusal('GET', '/api/v1/backups?cursor=x')).toEqual([400, 'invalid-input']);
  });

  it('says that it is not ready when its store does not answer', async () => {
    expect(await call('GET', '/readyz', undefined, '')).toMatchObject({ status: 200 });
    vi.spyOn(store.events, 'newest').mockRejectedValueOnce(new Error('disk I/O error'));
    expect(await refusal('GET', '/readyz', undefined, '')).toEqual([503, 'not-ready']);
  });
});

function backupOf(id: string, finishedAt: number): Backup {
  const verdict = { consistency: 'crash', reason: 'NotHeld', message: '', proof: null } as const;
  return {
    id,
    operationId: id,
    vmid: 101,
    node: 'pve1',
    volid: id,
    sizeBytes: null,
    startedAt: 0,
    finishedAt,
    origin: 'controller',
    verdict: { ...verdict, services: [], uncovered: [] },
  };
}
