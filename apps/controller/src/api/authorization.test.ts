import { join } from 'node:path';
import { madeApiTokenSchema, type Role, roleSchema } from '@tacet/protocol';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { hashSecret, newSecret } from '../secrets.ts';
import { openStore } from '../store/open-store.ts';
import { ApiClient } from '../testing/api-client.ts';
import { Browser } from '../testing/browser.ts';
import { TestHouse } from '../testing/test-house.ts';
import { neededRole } from './security.ts';

const password = 'correct horse battery staple';
const roles = roleSchema.options;

const descriptionSchema = z.object({
  paths: z.record(
    z.string(),
    z.record(
      z.string(),
      z.object({ security: z.array(z.record(z.string(), z.array(z.string()))).optional() }),
    ),
  ),
});

const house = await TestHouse.create();
afterAll(() => house[Symbol.asyncDispose]());
const controller = await house.open();
const nobody = new Browser(controller.url);
const { paths } = descriptionSchema.parse((await nobody.ask('GET', '/api/v1/openapi.json')).json);

const routes = Object.entries(paths).flatMap(([path, methods]) =>
  Object.entries(methods).map(([method, { security }]) => ({
    route: `${method.toUpperCase()} ${path}`,
    method: method.toUpperCase(),
    // What is nowhere: who may ask gets as far as being told so, and nothing happens.
    path: path.replaceAll(/\{(\w+)\}/g, (_, name) => (name === 'vmid' ? '999' : 'nowhere')),
    needed: neededRole(security === undefined ? {} : { security }),
  })),
);

/** Written down a second time, so that a role that is declared wrongly does not prove itself. */
const forAll = [
  'GET /healthz',
  'GET /readyz',
  'GET /api/v1/openapi.json',
  'GET /api/v1/docs',
  'GET /api/v1/setup',
  'POST /api/v1/setup',
  'POST /api/v1/session',
  'GET /api/v1/session/oidc',
  'GET /api/v1/session/oidc/callback',
  'POST /api/v1/agents/enroll',
];

function rolesThatFit(route: string): (Role | 'nobody' | undefined)[] {
  if (forAll.includes(route)) return ['nobody'];
  if (/ \/api\/v1\/(?:accounts|tokens|audit)\b/.test(route)) return ['admin'];
  if (/^(?:PUT|DELETE) \/api\/v1\/notifications\b/.test(route)) return ['admin'];
  if (route === 'GET /api/v1/settings') return ['operator'];
  if (route.includes(' /api/v1/session')) return ['viewer'];
  return route.startsWith('GET ') ? ['viewer'] : ['operator', 'admin'];
}

describe('every route of the description', () => {
  it('is there to be tried', () => {
    expect(routes.length).toBeGreaterThan(20);
  });

  it.each(routes)('$route says who may ask it', ({ route, needed }) => {
    expect(rolesThatFit(route)).toContain(needed);
  });
});

type Answer = 'let in' | 'not known' | 'refused';

function answerOf(status: number): Answer {
  if (status === 401) return 'not known';
  return status === 403 ? 'refused' : 'let in';
}

const byToken = (token: string | undefined) => ({ authorization: `Bearer ${token}` });

describe('whoever asks', () => {
  const browsers = new Map<Role, Browser>();
  const tokens = new Map<Role, string>();
  const expired = newSecret();

  async function browserOf(role: Role): Promise<Browser> {
    const known = browsers.get(role);
    if (known?.cookie !== undefined) return known;
    const browser = new Browser(controller.url);
    await browser.signIn(role, password);
    browsers.set(role, browser);
    return browser;
  }

  beforeAll(async () => {
    const admin = new Browser(controller.url);
    await admin.setUp(controller.setupUrl, 'admin', password);
    for (const role of ['viewer', 'operator'] as const) {
      await admin.ask('POST', '/api/v1/accounts', { body: { name: role, role, password } });
    }
    const api = await ApiClient.of(controller.clientFile);
    for (const role of roles) {
      const body = { name: `token-${role}`, role, expiresAt: null };
      const { secret } = await api.expect(madeApiTokenSchema, 'POST', '/api/v1/tokens', body);
      tokens.set(role, secret);
    }
    await using store = await openStore(join(house.directory, 'state', 'controller.db'));
    const hash = hashSecret(expired);
    await store.apiTokens.create({ name: 'expired', role: 'admin', hash, now: 0, expiresAt: Date.now() - 1 });
  });

  /** Everybody who may ask, how the request is theirs, and what is right where a role is needed. */
  function everybody(needed: Role, isUnsafe: boolean): [string, Asker, Answer][] {
    const byRank = (role: Role): Answer =>
      roles.indexOf(role) >= roles.indexOf(needed) ? 'let in' : 'refused';
    const forged: [string, Record<string, string>][] = [
      ['from a foreign page', { origin: 'https://evil.example' }],
      ['from another site', { 'sec-fetch-site': 'cross-site' }],
    ];
    const unsafe: [string, Record<string, string>][] = [
      ['without an origin', { origin: '' }],
      ['without the token against forgery', { 'x-tacet-csrf': '' }],
      ['with a wrong one', { 'x-tacet-csrf': 'wrong' }],
    ];
    return [
      ['nobody', {}, 'not known'],
      ['an expired token', { headers: byToken(expired) }, 'not known'],
      ['a wrong token', { headers: byToken('tacet_wrong') }, 'not known'],
      ['a wrong cookie', { headers: { cookie: '__Host-tacet-session=wrong' } }, 'not known'],
      // Where its role is too low, its scope is the wrong one.
      ...roles.map((role): [string, Asker, Answer] => [
        `a token of a ${role}`,
        { headers: byToken(tokens.get(role)) },
        byRank(role),
      ]),
      ...[...forged, ...(isUnsafe ? unsafe : [])].map(([how, headers]): [string, Asker, Answer] => [
        `an admin ${how}`,
        { role: 'admin', headers },
        'refused',
      ]),
      ...roles.map((role): [string, Asker, Answer] => [`a ${role}`, { role }, byRank(role)]),
    ];
  }

  const withRole = routes.flatMap((one) => (isRole(one.needed) ? [{ ...one, needed: one.needed }] : []));

  it.each(withRole)('$route', async ({ method, path, needed }) => {
    const answers: Record<string, Answer> = {};
    const right: Record<string, Answer> = {};
    for (const [who, { role, headers = {} }, answer] of everybody(needed, method !== 'GET')) {
      const browser = role === undefined ? new Browser(controller.url) : await browserOf(role);
      const { status } = await browser.ask(method, path, { headers, onlyStatus: true });
      answers[who] = answerOf(status);
      right[who] = answer;
      // Whoever has just signed out has no cookie any more; the browser was not told, for it hung up.
      if (path.endsWith('/session') && role !== undefined && status < 400) browsers.delete(role);
    }
    expect(answers).toEqual(right);
  });

  const forEverybody = routes.filter(({ needed }) => needed === 'nobody');

  it.each(forEverybody)(
    '$route is nobody’s, but not to be asked from a foreign page',
    async ({ method, path }) => {
      const ask = async (headers: Record<string, string>): Promise<Answer> => {
        const { status } = await nobody.ask(method, path, { headers, onlyStatus: true });
        return answerOf(status);
      };
      expect(await ask({})).not.toBe('refused');
      expect(await ask({ origin: 'https://evil.example' })).toBe(method === 'GET' ? 'let in' : 'refused');
    },
  );

  it('is refused where a path is not described, without being told that it is none', async () => {
    expect((await nobody.ask('GET', '/api/v1/nowhere')).status).toBe(401);
    expect((await nobody.ask('POST', '/api/v2/guests')).status).toBe(401);
    const headers = byToken(tokens.get('viewer'));
    expect((await nobody.ask('GET', '/api/v1/nowhere', { headers })).status).toBe(404);
  });
});

interface Asker {
  /** Signed in as that; nobody when left out. */
  readonly role?: Role;
  readonly headers?: Record<string, string>;
}

function isRole(needed: Role | 'nobody' | undefined): needed is Role {
  return needed !== undefined && needed !== 'nobody';
}
