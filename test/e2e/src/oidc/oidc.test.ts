import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Controller, parseConfig, startController } from '@tacet/controller';
import { ApiClient, Browser } from '@tacet/controller/testing';
import { accountListSchema, auditListSchema, loginSchema, setupStateSchema } from '@tacet/protocol';
import { createLogger, jsonSink, systemClock, Undo } from '@tacet/runtime';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { clientId, clientSecret, type LocalProvider, startProvider } from './local-provider.ts';
import { Person } from './person.ts';

const password = 'correct horse battery staple';
const flowCookie = '__Host-tacet-oidc';
const sessionCookie = '__Host-tacet-session';
const groups = {
  anna: ['home', 'tacet-admins'],
  ben: ['tacet-viewers'],
  carl: ['home'],
  dora: ['tacet-viewers'],
};

const undo = new Undo();
afterAll(() => undo[Symbol.asyncDispose]());
const log: string[] = [];
let directory: string;
let provider: LocalProvider;
let controller: Controller;
let api: ApiClient;
let redirectUri: string;

beforeAll(async () => {
  // It warns that it is for development, which here it is.
  for (const method of ['warn', 'info'] as const)
    vi.spyOn(console, method).mockImplementation(() => undefined);
  directory = await mkdtemp(join(tmpdir(), 'tacet-oidc-'));
  undo.defer(() => rm(directory, { recursive: true }));
  provider = await startProvider(undo);
  controller = await start('state');
  api = await ApiClient.of(controller.clientFile);
  redirectUri = `${controller.url}/api/v1/session/oidc/callback`;
});

async function start(stateDir: string, oidc: object = {}): Promise<Controller> {
  const clientSecretFile = join(directory, `${stateDir}-secret`);
  const ca = join(directory, 'ca.pem');
  await writeFile(clientSecretFile, `${clientSecret}\n`, { mode: 0o600 });
  await writeFile(ca, provider.ca);
  const config = parseConfig({
    listen: { address: '127.0.0.1', port: 0 },
    stateDir: join(directory, stateDir),
    nodes: [],
    oidc: {
      issuer: provider.issuer,
      clientId,
      clientSecretFile,
      ca,
      name: 'House',
      scopes: ['profile', 'groups'],
      roles: { viewer: ['tacet-viewers'], admin: ['tacet-admins'] },
      ...oidc,
    },
  });
  const started = await startController({
    config,
    log: createLogger({ sink: jsonSink((line) => log.push(line)), level: 'debug' }),
  });
  undo.defer(() => started[Symbol.asyncDispose]());
  return started;
}

/** What an attempt comes to: where it leads, and who is signed in then. */
interface Attempt {
  readonly person: Person;
  readonly leadsTo: string | undefined;
  readonly who: unknown;
}

async function comeBack(person: Person, callback: string, at: Controller = controller): Promise<Attempt> {
  const { location } = await person.visit(callback);
  const { status, text } = await person.visit(`${at.url}/api/v1/session`);
  const who = status === 200 ? loginSchema.parse(JSON.parse(text)).account : undefined;
  return { person, leadsTo: location?.replace(at.url, ''), who };
}

/** Goes to the provider and signs in there. @returns the way back, which is not gone yet */
async function awayAndReady(person: Person, name: string, at: Controller = controller): Promise<string> {
  const { location = '' } = await person.visit(`${at.url}/api/v1/session/oidc`);
  return await person.signInAtProvider(location, name, at.url);
}

async function signIn(name: string, person = new Person()): Promise<Attempt> {
  return await comeBack(person, await awayAndReady(person, name));
}

describe('signing in with an OpenID provider', () => {
  beforeEach(() => provider.serve({ redirectUri, groups }));

  it('is offered where one is configured', async () => {
    const state = await api.expect(setupStateSchema, 'GET', '/api/v1/setup');
    expect(state).toEqual({ open: true, provider: 'House' });
  });

  it('ends as the account of who was vouched for, with the role of the groups, from the first time on', async () => {
    const first = await signIn('anna');
    expect(first).toMatchObject({ leadsTo: '/', who: { name: 'anna', role: 'admin' } });
    expect((await signIn('anna')).who).toEqual({ name: 'anna', role: 'admin' });
    const { accounts } = await api.expect(accountListSchema, 'GET', '/api/v1/accounts');
    expect(accounts).toMatchObject([{ name: 'anna', role: 'admin', issuer: provider.issuer }]);
    // She may be no admin tomorrow: the first account with a password is still to be made.
    expect(await api.expect(setupStateSchema, 'GET', '/api/v1/setup')).toMatchObject({ open: true });
  });

  it('keeps what belongs to this one login in a cookie that no script sees, and for no longer than it needs', async () => {
    const person = new Person();
    const { status, location = '', setCookies } = await person.visit(`${controller.url}/api/v1/session/oidc`);
    expect(status).toBe(303);
    expect(Object.fromEntries(new URL(location).searchParams)).toMatchObject({
      response_type: 'code',
      client_id: clientId,
      redirect_uri: redirectUri,
      scope: 'openid profile groups',
      code_challenge_method: 'S256',
    });
    expect(setCookies).toHaveLength(1);
    expect(setCookies[0]).toMatch(
      /^__Host-tacet-oidc=\S+; Max-Age=600; Path=\/; HttpOnly; Secure; SameSite=Lax$/,
    );
    const back = await person.signInAtProvider(location, 'ben', controller.url);
    const { setCookies: then } = await person.visit(back);
    expect(then.map((one) => one.replace(/=[^;]*/, '=')).toSorted()).toEqual([
      '__Host-tacet-oidc=; Max-Age=0; Path=/; HttpOnly; Secure; SameSite=Lax',
      expect.stringMatching(
        /^__Host-tacet-session=; Max-Age=\d+; Path=\/; HttpOnly; Secure; SameSite=Strict$/,
      ),
    ]);
    expect(person.cookie(controller.url, flowCookie)).toBeUndefined();
  });

  it('lets nobody in who is in no group that has a role', async () => {
    const { leadsTo, who, person } = await signIn('carl');
    expect({ leadsTo, who }).toEqual({ leadsTo: '/?sign-in=no-role', who: undefined });
    expect(person.cookie(controller.url, sessionCookie)).toBeUndefined();
    const { accounts } = await api.expect(accountListSchema, 'GET', '/api/v1/accounts');
    expect(accounts.map(({ name }) => name)).not.toContain('carl');
  });

  it('takes the role anew at each login, also one that is less', async () => {
    expect((await signIn('anna')).who).toMatchObject({ role: 'admin' });
    provider.serve({ redirectUri, groups: { anna: ['tacet-viewers'] } });
    expect((await signIn('anna')).who).toEqual({ name: 'anna', role: 'viewer' });
    provider.serve({ redirectUri, groups: { anna: [] } });
    expect((await signIn('anna')).leadsTo).toBe('/?sign-in=no-role');
  });

  it('never becomes the account of somebody else with that name', async () => {
    const body = { name: 'dora', role: 'admin', password };
    expect((await api.call('POST', '/api/v1/accounts', body)).status).toBe(201);
    expect((await signIn('dora')).who).toEqual({ name: 'dora-2', role: 'viewer' });
    const own = new Browser(controller.url);
    await own.signIn('dora', password);
    expect((await own.ask('GET', '/api/v1/session')).json).toMatchObject({
      account: { name: 'dora', role: 'admin' },
    });
  });

  it('gives an account that no password opens, and whose role is not changed here', async () => {
    await signIn('ben');
    const typed = await new Browser(controller.url).ask('POST', '/api/v1/session', {
      body: { name: 'ben', password },
    });
    expect(typed.status).toBe(401);
    const { status, body } = await api.call('PATCH', '/api/v1/accounts/ben', { role: 'admin', password });
    expect({ status, body }).toMatchObject({
      status: 409,
      body: { detail: `${provider.issuer} vouches for ben, who has no password here` },
    });
  });

  it('refuses an answer with another state, and one that this browser has not begun', async () => {
    const person = new Person();
    const back = new URL(await awayAndReady(person, 'anna'));
    back.searchParams.set('state', 'another');
    expect(await comeBack(person, back.href)).toMatchObject({
      leadsTo: '/?sign-in=not-begun-here',
      who: undefined,
    });

    const other = await awayAndReady(new Person(), 'anna');
    expect(await comeBack(new Person(), other)).toMatchObject({
      leadsTo: '/?sign-in=not-begun-here',
      who: undefined,
    });
  });

  it('refuses an ID token with another nonce', async () => {
    const person = new Person();
    const back = await awayAndReady(person, 'anna');
    change(person, { nonce: 'another' });
    expect(await comeBack(person, back)).toMatchObject({ leadsTo: '/?sign-in=not-proven', who: undefined });
  });

  it('refuses a code without the verifier that it was asked for with', async () => {
    const person = new Person();
    const back = await awayAndReady(person, 'anna');
    change(person, { verifier: 'a'.repeat(43) });
    expect(await comeBack(person, back)).toMatchObject({ who: undefined });
  });

  it('refuses a code that has expired, and one that was used', async () => {
    provider.serve({ redirectUri, groups, codeTtlS: 1 });
    const late = new Person();
    const expired = await awayAndReady(late, 'anna');
    await systemClock.sleep(2_500); // its times are in whole seconds
    expect(await comeBack(late, expired)).toMatchObject({ leadsTo: '/?sign-in=too-late', who: undefined });

    provider.serve({ redirectUri, groups });
    const twice = new Person();
    const used = await awayAndReady(twice, 'ben');
    const kept = twice.cookie(controller.url, flowCookie);
    expect((await comeBack(twice, used)).leadsTo).toBe('/');
    twice.setCookie(controller.url, flowCookie, kept);
    expect((await twice.visit(used)).location).toBe(`${controller.url}/?sign-in=too-late`);
  });

  it('refuses what was begun too long ago', async () => {
    const person = new Person();
    const back = await awayAndReady(person, 'anna');
    change(person, { until: 1 });
    expect(await comeBack(person, back)).toMatchObject({ leadsTo: '/?sign-in=too-late', who: undefined });
  });

  it('says so when the provider refuses', async () => {
    const person = new Person();
    const { location = '' } = await person.visit(`${controller.url}/api/v1/session/oidc`);
    const state = new URL(location).searchParams.get('state');
    const iss = encodeURIComponent(provider.issuer);
    const back = `${redirectUri}?error=access_denied&state=${state}&iss=${iss}`;
    expect(await comeBack(person, back)).toMatchObject({
      leadsTo: '/?sign-in=provider-refused',
      who: undefined,
    });
  });

  it('is written down with who it was, and where nobody was let in, why', async () => {
    const { entries } = await api.expect(auditListSchema, 'GET', '/api/v1/audit');
    const said = entries.map(({ who, outcome, what }) => `${who?.name ?? '-'} ${outcome}: ${what}`);
    expect(said).toContain('anna done: Sign in with the OpenID provider: anna, admin');
    expect(said).toContain(
      '- refused: Sign in with the OpenID provider: carl is in no group that has a role here',
    );
    expect(said).toContain('- refused: Sign in with the OpenID provider: it was begun too long ago');
  });
});

function change(person: Person, what: object): void {
  const kept = person.cookie(controller.url, flowCookie) ?? '';
  const flow: object = JSON.parse(Buffer.from(kept, 'base64url').toString());
  const changed = Buffer.from(JSON.stringify({ ...flow, ...what })).toString('base64url');
  person.setCookie(controller.url, flowCookie, changed);
}

describe('without its provider', () => {
  it('a controller starts, lets people in by their passwords, and says what is wrong with the other way', async () => {
    provider.serve(undefined);
    const alone = await start('alone');
    const browser = new Browser(alone.url);
    await browser.setUp(alone.setupUrl, 'emil', password);
    await new Browser(alone.url).signIn('emil', password);
    const { status, location } = await new Person().visit(`${alone.url}/api/v1/session/oidc`);
    expect({ status, location }).toEqual({
      status: 303,
      location: `${alone.url}/?sign-in=provider-unreachable`,
    });

    // It is there again: nothing has to be restarted.
    provider.serve({ redirectUri: `${alone.url}/api/v1/session/oidc/callback`, groups });
    const person = new Person();
    const back = await awayAndReady(person, 'ben', alone);
    expect((await comeBack(person, back, alone)).who).toEqual({ name: 'ben', role: 'viewer' });
  });

  it('whose certificate is not of the CA that is configured, it is not believed', async () => {
    provider.serve({ redirectUri, groups });
    const strict = await start('strict', { ca: undefined });
    const { location } = await new Person().visit(`${strict.url}/api/v1/session/oidc`);
    expect(location).toBe(`${strict.url}/?sign-in=provider-unreachable`);
    expect(log.join('\n')).toMatch(/self-signed certificate/);
  });

  it('whoever guesses has to wait, and signs in by a password elsewhere meanwhile', async () => {
    const person = new Person();
    const guess = async (): Promise<string | undefined> =>
      (await person.visit(`${redirectUri}?code=guess&state=guess`)).location;
    for (let n = 0; n < 12 && (await guess()) !== `${controller.url}/?sign-in=too-many`; n += 1);
    expect(await guess()).toBe(`${controller.url}/?sign-in=too-many`);
    await new Browser(controller.url).signIn('dora', password);
  });
});

describe('secrets of OpenID Connect', () => {
  it('are sealed on disk, and in no log', async () => {
    expect(await readFile(join(directory, 'state-secret'), 'utf8')).not.toContain(clientSecret);
    const text = log.join('\n');
    expect(text).toContain('nobody was signed in by the OpenID provider');
    expect(text).not.toContain(clientSecret);
    expect(text).not.toMatch(/[?&]code=|verifier|id_token|eyJ/);
  });
});
