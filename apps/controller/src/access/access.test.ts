import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { accountListSchema, auditListSchema, madeApiTokenSchema, problemSchema } from '@tacet/protocol';
import { beforeEach, describe, expect, it } from 'vitest';
import type { Controller } from '../controller.ts';
import { Browser, type Page } from '../testing/browser.ts';
import { TestHouse } from '../testing/test-house.ts';

const password = 'correct horse battery staple';
const session = '/api/v1/session';

let house: TestHouse;
let controller: Controller;
let anna: Browser;
beforeEach(async () => {
  house = await TestHouse.create();
  controller = await house.open();
  anna = new Browser(controller.url);
  return () => house[Symbol.asyncDispose]();
});

function refusal({ status, json }: Page): [number, string] {
  return [status, problemSchema.parse(json).code];
}

function signIn(name: string, secret: string, browser = new Browser(controller.url)): Promise<Page> {
  return browser.ask('POST', session, { body: { name, password: secret } });
}

async function makeAccount(name: string, role: string): Promise<Browser> {
  const page = await anna.ask('POST', '/api/v1/accounts', { body: { name, role, password } });
  expect(page.status).toBe(201);
  const browser = new Browser(controller.url);
  await browser.signIn(name, password);
  return browser;
}

describe('the first account', () => {
  it('is made with the printed link, once, and is an admin that is signed in', async () => {
    expect(controller.setupUrl).toMatch(/^https:\/\/127\.0\.0\.1:\d+\/setup#token=[\w-]{43}$/);
    expect((await anna.ask('GET', '/api/v1/setup')).json).toEqual({ open: true });
    const guess = { token: 'guess', name: 'eve', password };
    expect(refusal(await anna.ask('POST', '/api/v1/setup', { body: guess }))).toEqual([401, 'unauthorized']);

    await anna.setUp(controller.setupUrl, 'anna', password);
    expect((await anna.ask('GET', session)).json).toEqual({
      account: { name: 'anna', role: 'admin' },
      csrfToken: anna.csrfToken,
    });
    expect((await anna.ask('GET', '/api/v1/setup')).json).toEqual({ open: false });
    const again = new URLSearchParams(new URL(controller.setupUrl ?? '').hash.slice(1)).get('token');
    const second = { token: again, name: 'eve', password };
    expect(refusal(await anna.ask('POST', '/api/v1/setup', { body: second }))).toEqual([409, 'conflict']);

    await controller[Symbol.asyncDispose]();
    expect((await house.open()).setupUrl).toBeUndefined();
  });

  it('needs a password of some length, and says so', async () => {
    const token = new URL(controller.setupUrl ?? '').hash.slice('#token='.length);
    const page = await anna.ask('POST', '/api/v1/setup', {
      body: { token, name: 'anna', password: 'short' },
    });
    expect(refusal(page)).toEqual([400, 'invalid-input']);
    expect(problemSchema.parse(page.json).detail).toContain('at least 12 characters');
  });
});

describe('a browser', () => {
  beforeEach(() => anna.setUp(controller.setupUrl, 'anna', password));

  it('gets a cookie that no script can read and no other site is sent with', async () => {
    const page = await signIn('anna', password);
    const [cookie = ''] = page.headers['set-cookie'] ?? [];
    expect(cookie).toMatch(/^__Host-tacet-session=[\w-]{43};/);
    for (const attribute of ['HttpOnly', 'Secure', 'SameSite=Strict', 'Path=/']) {
      expect(cookie).toContain(attribute);
    }
  });

  it('is signed out for good', async () => {
    const { cookie = '' } = anna;
    expect((await anna.ask('DELETE', session)).status).toBe(204);
    expect(anna.cookie).toBeUndefined();
    expect((await anna.ask('GET', session, { headers: { cookie } })).status).toBe(401);
  });

  it('is signed out when nobody uses it for a while, and after a while in any case', async () => {
    await controller[Symbol.asyncDispose]();
    controller = await house.open({ loginIdleMs: 2_000 });
    const idle = new Browser(controller.url);
    await idle.signIn('anna', password);
    await expect
      .poll(async () => (await idle.ask('GET', session)).status, { interval: 2_100, timeout: 30_000 })
      .toBe(401);

    await controller[Symbol.asyncDispose]();
    controller = await house.open({ loginMaxMs: 1_000 });
    const long = new Browser(controller.url);
    await long.signIn('anna', password);
    await expect
      .poll(async () => (await long.ask('GET', session)).status, { interval: 50, timeout: 30_000 })
      .toBe(401);
  });

  it('learns only that name or password is wrong, and is locked out for a time when it goes on', async () => {
    const unknown = await signIn('nobody', password);
    const wrong = await signIn('anna', 'wrong');
    expect(unknown.text).toBe(wrong.text);
    expect(refusal(wrong)).toEqual([401, 'unauthorized']);
    for (let n = 0; n < 4; n += 1) await signIn('anna', 'wrong');

    // Until the time is over not even the right one is looked at; how long that is grows with every try.
    const locked = await signIn('anna', password);
    expect(refusal(locked)).toEqual([429, 'too-many-requests']);
    expect(Number(locked.headers['retry-after'])).toBeGreaterThan(0);
    await expect
      .poll(async () => (await signIn('anna', password)).status, { interval: 300, timeout: 30_000 })
      .toBe(200);
  });

  it('cannot try many passwords at once either', async () => {
    const tries = await Promise.all(Array.from({ length: 12 }, () => signIn('anna', 'wrong')));
    const counted = tries.map(({ status }) => status).filter((status) => status === 401);
    expect(counted.length).toBeLessThanOrEqual(5);
  });

  it('changes its password with the one before; what is signed in elsewhere is out', async () => {
    const elsewhere = new Browser(controller.url);
    await elsewhere.signIn('anna', password);
    const path = `${session}/password`;
    const next = 'another horse, another staple';
    const wrong = await anna.ask('PUT', path, { body: { current: 'wrong', next } });
    expect(refusal(wrong)).toEqual([401, 'unauthorized']);
    expect((await anna.ask('PUT', path, { body: { current: password, next } })).status).toBe(204);
    expect((await anna.ask('GET', session)).status).toBe(200);
    expect((await elsewhere.ask('GET', session)).status).toBe(401);
    expect((await signIn('anna', next)).status).toBe(200);
  });
});

describe('an admin', () => {
  beforeEach(() => anna.setUp(controller.setupUrl, 'anna', password));

  it('decides what others may; it counts at once', async () => {
    const ben = await makeAccount('ben', 'viewer');
    expect((await ben.ask('POST', '/api/v1/guests/101/enrolments')).status).toBe(403);
    await anna.ask('PATCH', '/api/v1/accounts/ben', { body: { role: 'operator' } });
    expect((await ben.ask('POST', '/api/v1/guests/101/enrolments')).status).toBe(201);
    await anna.ask('PATCH', '/api/v1/accounts/ben', { body: { password: 'something else entirely' } });
    expect((await ben.ask('GET', session)).status).toBe(401);
    expect((await anna.ask('DELETE', '/api/v1/accounts/ben')).status).toBe(204);
    const { accounts } = accountListSchema.parse((await anna.ask('GET', '/api/v1/accounts')).json);
    expect(accounts.map(({ name, role }) => [name, role])).toEqual([['anna', 'admin']]);
  });

  it('is always somebody: the last one stays one', async () => {
    const own = '/api/v1/accounts/anna';
    expect(refusal(await anna.ask('DELETE', own))).toEqual([409, 'conflict']);
    expect(refusal(await anna.ask('PATCH', own, { body: { role: 'viewer' } }))).toEqual([409, 'conflict']);
    await makeAccount('ben', 'admin');
    expect((await anna.ask('DELETE', own)).status).toBe(204);
    expect((await anna.ask('GET', session)).status).toBe(401);
  });

  it('makes tokens whose secret is shown once, and which are worth nothing once removed', async () => {
    const body = { name: 'prometheus', role: 'viewer', expiresAt: null };
    const { secret } = madeApiTokenSchema.parse((await anna.ask('POST', '/api/v1/tokens', { body })).json);
    expect(refusal(await anna.ask('POST', '/api/v1/tokens', { body }))).toEqual([409, 'conflict']);
    expect((await anna.ask('GET', '/api/v1/tokens')).text).not.toContain(secret);
    const asToken = { headers: { authorization: `Bearer ${secret}` } };
    const program = new Browser(controller.url);
    expect((await program.ask('GET', '/metrics', asToken)).status).toBe(200);
    expect((await anna.ask('DELETE', '/api/v1/tokens/prometheus')).status).toBe(204);
    expect((await program.ask('GET', '/metrics', asToken)).status).toBe(401);
    expect(refusal(await anna.ask('DELETE', '/api/v1/tokens/cli'))).toEqual([409, 'conflict']);
  });

  it('leaves no password, cookie or token in the store', async () => {
    const body = { name: 'x', role: 'viewer', expiresAt: null };
    const { secret } = madeApiTokenSchema.parse((await anna.ask('POST', '/api/v1/tokens', { body })).json);
    const state = join(house.directory, 'state');
    const files = (await readdir(state)).filter((name) => name.startsWith('controller.db'));
    const contents = await Promise.all(files.map((name) => readFile(join(state, name), 'latin1')));
    const cookie = anna.cookie?.split('=')[1] ?? '';
    expect(contents.join('')).toContain('argon2id');
    for (const secretText of [password, cookie, secret]) expect(contents.join('')).not.toContain(secretText);
  });
});

describe('the audit log', () => {
  beforeEach(() => anna.setUp(controller.setupUrl, 'anna', password));

  it('says who did what, from where, and what came of it; and holds no secret', async () => {
    const ben = await makeAccount('ben', 'viewer');
    await signIn('ben', 'a wrong password');
    await ben.ask('POST', '/api/v1/guests/101/backups', { body: {} });
    const page = await anna.ask('GET', '/api/v1/audit');
    const { entries, next } = auditListSchema.parse(page.json);
    expect(next).toBeNull();
    expect(entries.map(({ who, what, outcome, status }) => [who?.name, what, outcome, status])).toEqual([
      ['ben', 'Start a backup', 'refused', 403],
      [undefined, 'Sign in: ben', 'refused', 401],
      ['ben', 'Sign in: ben', 'done', 200],
      ['anna', 'Make an account: ben, viewer', 'done', 201],
      ['anna', expect.stringContaining('Make the first account'), 'done', 201],
    ]);
    expect(new Set(entries.map(({ address }) => address))).toEqual(new Set(['127.0.0.1']));
    expect(page.text).not.toContain('wrong password');
  });

  it('comes in pages', async () => {
    for (const name of ['a', 'b', 'c']) await anna.ask('DELETE', `/api/v1/accounts/${name}`);
    const paths: string[] = [];
    for (let cursor: string | null = ''; cursor !== null;) {
      const query: string = cursor === '' ? '' : `&cursor=${cursor}`;
      const page = await anna.ask('GET', `/api/v1/audit?limit=2${query}`);
      const { entries, next } = auditListSchema.parse(page.json);
      paths.push(...entries.map(({ path }) => path));
      cursor = next;
    }
    expect(paths).toEqual([
      '/api/v1/accounts/c',
      '/api/v1/accounts/b',
      '/api/v1/accounts/a',
      '/api/v1/setup',
    ]);
    expect(refusal(await anna.ask('GET', '/api/v1/audit?cursor=no'))).toEqual([400, 'invalid-input']);
  });

  it('believes a proxy about addresses only where it is trusted', async () => {
    const headers = { 'x-forwarded-for': '198.51.100.7' };
    await anna.ask('DELETE', '/api/v1/accounts/a', { headers });
    await controller[Symbol.asyncDispose]();
    controller = await house.open({ trustedProxies: ['127.0.0.1'], publicUrl: 'https://tacet.example/' });
    const behind = new Browser(controller.url);
    await behind.signIn('anna', password);
    const proxied = { ...headers, origin: 'https://tacet.example' };
    expect((await behind.ask('DELETE', '/api/v1/accounts/b', { headers: proxied })).status).toBe(404);
    const { entries } = auditListSchema.parse((await behind.ask('GET', '/api/v1/audit')).json);
    const from = (path: string) => entries.find((entry) => entry.path.endsWith(path))?.address;
    expect([from('/a'), from('/b')]).toEqual(['127.0.0.1', '198.51.100.7']);
  });
});

describe('metrics', () => {
  it('need a token, from this machine too, unless the configuration says otherwise', async () => {
    expect((await anna.ask('GET', '/metrics')).status).toBe(401);
    await controller[Symbol.asyncDispose]();
    controller = await house.open({ metricsFromLoopback: true });
    const here = new Browser(controller.url);
    const page = await here.ask('GET', '/metrics');
    expect([page.status, page.headers['content-type']]).toEqual([
      200,
      expect.stringContaining('version=0.0.4'),
    ]);
    expect(page.text).toContain('tacet_build_info{');
    // Through a proxy on this machine anybody may be asking.
    const headers = { 'x-forwarded-for': '198.51.100.7' };
    expect((await here.ask('GET', '/metrics', { headers })).status).toBe(401);
    expect((await here.ask('GET', '/api/v1/guests')).status).toBe(401);
  });
});
