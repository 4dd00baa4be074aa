import { createServer } from 'node:net';
import { once } from 'node:events';
import { cp, readFile, writeFile } from 'node:fs/promises';
import {
  decodeEnrolmentToken,
  encodeEnrolmentToken,
  type Guest,
  guestListSchema,
  madeApiTokenSchema,
  operationListSchema,
} from '@tacet/protocol';
import { ApiClient } from '@tacet/controller/testing';
import { systemClock, Undo } from '@tacet/runtime';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { tellThroughChannels } from './channels.ts';
import { askEveryGet } from './every-get.ts';
import { Evidence } from './evidence.ts';
import { Life } from './life.ts';
import { type Needle, needle } from './needle.ts';
import { agentMain, ProcessWatch, startProgram } from './processes.ts';

const given = {
  adminPassword: 'korrekt pferd batterie klammer',
  postgresPassword: 'Pg/äußerst+geheim=77 und lang',
  redisPassword: 'redis%20wants"this\\one-31337',
  wrongRedisPassword: 'redis-is-told-this-one-instead',
};
const typed = {
  wrongAdminPassword: 'falsch pferd batterie klammer',
  wrongApiToken: 'kP3vW1xN8qS5dR2tY7uI0oA9fG6hJ4lZ',
  wrongCredential: 'mB5nC8vX1zL4kJ7hG0fD3sA6pO9iU2yT',
  wrongEnrolment: 'qW8eR5tY2uI9oP6aS3dF0gH7jK4lZ1xC',
  accountPassword: 'ein pferd steht auf dem flur herum',
  pastedSecret: '7f1d9a52-3c44-4f0e-9be1-5a8d20c3e6b7',
};

const channelSecrets = {
  hookPath: 'hook-xK3vB8nM1qW6zR5tY2uI',
  hookKey: 'signed-with-L9pO4iU7yT2rE5wQ8a',
  pushToken: 'tk_5fG8hJ1kL4zX7cV0bN3mQ6w',
  pushTopic: 'topic-aS4dF7gH0jK3lZ6x',
  mailPassword: 'ein rotes pferd im postfach 1871',
  checkId: '3f6a1c58-9d27-4be0-8c14-70a5e2d9b6f3',
};

const undo = new Undo();
const needles: Needle[] = [];
let life: Life;
let statuses: ReadonlyMap<string, number>;
/** The steps of the life, and whether each went as it should. */
const steps: Record<string, unknown> = {};

beforeAll(async () => {
  life = await Life.begin(given);
  undo.defer(() => life[Symbol.asyncDispose]());
  for (const [name, secret] of Object.entries({ ...given, ...typed, ...channelSecrets }))
    needles.push(needle(name, secret));
  await provisioned();
  await enrolledAndBackedUp();
  await restored();
  await copied();
  await refused();
  steps['channels'] = await tellThroughChannels(life, channelSecrets, undo);
  await failed();
  statuses = await askEveryGet(life, await candidates());
  await life.collectFiles();
  await renewed();
  await life.end('SIGTERM');
  await life.collectFiles();
  await brokenStarts();
}, 900_000);
afterAll(() => undo[Symbol.asyncDispose]());

const WORDS = '--guest 101,102 --storage local --restore --target 201,202';

async function tokenSecrets(generation: string): Promise<void> {
  for (const id of ['guest-101', 'guest-102', 'restore']) {
    const secret = await life.unsealed(`proxmox-token tacet@pve!${id}`, 'secrets', `pve1-${id}.secret`);
    needles.push(needle(`token secret ${id}, ${generation}`, secret));
  }
}

async function provisioned(): Promise<void> {
  steps['a wrong password'] = (await life.provision(WORDS, typed.wrongAdminPassword)).code;
  const { code, out } = await life.provision(WORDS);
  steps['provision'] = code;
  await tokenSecrets('first');
  const { configuration, sealed } = JSON.parse(out) as { configuration: object; sealed: boolean };
  steps['sealed'] = sealed;
  await life.configure(configuration);
  await life.start();
  needles.push(needle('TLS key', await tlsKey()), needle('sealing key', await sealingKey()));
  needles.push(needle('setup secret', await life.setupSecret(), ['controller stdout']));
  needles.push(needle('API token', (await life.access()).token, ['state/cli.json']));
}

/** Its own part, without the words that every key has. */
async function tlsKey(): Promise<string> {
  const pem = await life.unsealed('controller-tls-key', 'state', 'controller.key');
  return pem.split('\n').slice(2, -2).join('').slice(0, 64);
}

const sealingKey = async (): Promise<string> =>
  (await readFile(life.at('state.key'), 'utf8')).trim().replace('tacet-key-1.', '');

async function enrolledAndBackedUp(): Promise<void> {
  for (const vmid of [101, 102]) {
    // The one place where it shall be shown: to who will paste it into the guest.
    const { out } = await life.tacetProcess(`enrol ${vmid}`, { place: 'enrolment' });
    const token = out.trim().replace('tacet-agent enroll ', '');
    needles.push(needle('enrolment secret', decodeEnrolmentToken(token).secret, ['enrolment']));
    await life.guest(vmid).enrol(token);
    await connected(vmid);
    const own = `guests/guest-${vmid}/identity.json`;
    needles.push(needle(`credential ${vmid}`, await life.credentialOf(vmid), [own]));
  }
  await life.ask('POST', '/api/v1/agents/enroll', { secret: typed.wrongEnrolment, agentVersion: '0' });
  steps['backup'] = (await life.tacetProcess('backup 101')).code;
  steps['a database that refuses'] = (await life.tacet('backup 102')).code;
  for (const line of ['status', 'status 101', '--json guests', 'backups', 'events', '--json events']) {
    await life.tacet(line);
  }
}

async function connected(vmid: number, identity?: Guest['identity']): Promise<Guest> {
  const api = await ApiClient.of(life.clientFile);
  for (const deadline = Date.now() + 120_000; Date.now() < deadline; await systemClock.sleep(50)) {
    const { guests } = await api.expect(guestListSchema, 'GET', '/api/v1/guests');
    const guest = guests.find((candidate) => candidate.vmid === vmid && candidate.connected);
    if (guest !== undefined && guest.identity === (identity ?? guest.identity)) return guest;
  }
  throw new Error(`guest ${vmid} did not connect`);
}

async function restored(): Promise<void> {
  steps['restore'] = (await life.tacet('restore 101 --to 201')).code;
  const own = await life.credentialUnlike(await life.credentialOf(101), 201);
  needles.push(needle('credential 201', own, ['guests/guest-201/identity.json']));
  steps['restore again'] = (await life.tacet('restore 101 --to 201')).code;
}

/** Somebody has cloned guest 101 behind the back of everybody. */
async function copied(): Promise<void> {
  await life.clone(101, 333);
  const { id, identity } = await connected(333);
  steps['a copy'] = identity;
  steps['adopt'] = (await life.tacet(`adopt ${id}`)).code;
  steps['adopted'] = (await connected(333, 'enrolled')).id === id;
  const original = await life.credentialOf(101);
  const own = await life.credentialUnlike(original, 333);
  needles.push(needle('credential 333', own, ['guests/guest-333/identity.json']));
  const copy = await life.connect(original, 334);
  await copy.next('welcome');
  steps['dismiss'] = (await life.tacet(`dismiss ${(await connected(334)).id}`)).code;
  const stranger = await life.connect(typed.wrongCredential, 101);
  steps['a wrong credential'] = (await stranger.next('refused')).error.code;
}

async function refused(): Promise<void> {
  steps['a wrong API token'] = await life.ask('GET', '/api/v1/guests', undefined, typed.wrongApiToken);
  const access = await readFile(life.clientFile, 'utf8');
  await writeFile(
    life.at('wrong.json'),
    access.replace(/"token": "[^"]+"/, `"token": "${typed.wrongApiToken}"`),
  );
  steps['a wrong client file'] = (await life.tacet(`--controller ${life.at('wrong.json')} status`)).code;
  // Cut right behind the token, and in the middle of it: what cannot be parsed must not be quoted.
  for (const damaged of [access.replace(/\n\}\s*$/, ' ! }'), access.slice(0, access.length - 20)]) {
    await writeFile(life.at('damaged.json'), damaged);
    steps['a damaged client file'] = (
      await life.tacet(`--controller ${life.at('damaged.json')} status`)
    ).code;
  }
  const { adminPassword, accountPassword } = { ...given, ...typed };
  await life.ask('POST', '/api/v1/session', { name: 'nobody', password: accountPassword });
  await life.ask('POST', '/api/v1/accounts', {
    name: 'Not A Name',
    role: 'viewer',
    password: accountPassword,
  });
  await life.ask('POST', '/api/v1/accounts', { name: 'anna', role: 'viewer', password: accountPassword });
  await life.ask('POST', '/api/v1/session', { name: 'anna', password: accountPassword });
  await life.ask('POST', '/api/v1/session', { name: 'anna', password: [adminPassword] });
  await life.ask('POST', '/api/v1/guests/101/backups', { password: accountPassword, storage: 7 });
  await life.ask('POST', '/api/v1/guests/101/restores', { to: 201 });
  // A token's secret is in this one answer, and nowhere else.
  const api = await ApiClient.of(life.clientFile);
  const wanted = { name: 'ci', role: 'viewer', expiresAt: null };
  const { secret } = await api.expect(madeApiTokenSchema, 'POST', '/api/v1/tokens', wanted);
  needles.push(needle('made API token', secret));
  steps['a viewer who wants more'] = await life.ask('POST', '/api/v1/tokens', wanted, secret);
}

async function failed(): Promise<void> {
  life.sim.setFault('pve1', 'daemon-down');
  steps['node down'] = (await life.tacet('backup 101')).code;
  life.sim.setFault('pve1', undefined);
  await life.guest(101).stop();
  steps['agent away'] = (await life.tacet('backup 101')).code;
  await life.guest(101).start();
  await connected(101);
  const running = life.tacet('backup 101');
  await life.end('SIGKILL');
  steps['controller killed'] = (await running).code;
  await life.start();
  await connected(101);
}

async function candidates(): Promise<Record<string, readonly string[]>> {
  const api = await ApiClient.of(life.clientFile);
  const { operations } = await api.expect(operationListSchema, 'GET', '/api/v1/operations');
  const { guests } = await api.expect(guestListSchema, 'GET', '/api/v1/guests');
  return {
    vmid: ['101', '201', '999'],
    id: [...operations, ...guests].map(({ id }) => id),
    name: ['anna', 'ci', 'cli', 'hook', 'push', 'mail', 'check', 'none'],
  };
}

/** Behind the back of the controller, which is refused until it is started again. */
async function renewed(): Promise<void> {
  steps['rotate'] = (await life.provision(`${WORDS} --rotate`)).code;
  await tokenSecrets('second');
  steps['refused by the node'] = (await life.tacet('backup 101')).code;
  steps['doctor'] = (await life.tacet('doctor')).code;
  await life.end('SIGTERM');
  await life.start();
  await connected(101);
  steps['backup with new secrets'] = (await life.tacet('backup 101')).code;
}

async function brokenStarts(): Promise<void> {
  const config = JSON.parse(await readFile(life.at('controller.json'), 'utf8')) as {
    nodes: { restoreToken: Record<string, string> }[];
  };
  const [node] = config.nodes;
  if (node === undefined) throw new Error('no node is configured');
  const token = node.restoreToken;
  const withToken = (changed: object): string =>
    JSON.stringify({ ...config, nodes: [{ ...node, restoreToken: { ...token, ...changed } }] });
  // A secret pasted where none belongs, one beside broken JSON, one that is sealed for another token, one open to all.
  const inVain = [
    withToken({ secret: typed.pastedSecret }),
    `{"stateDir": "${typed.pastedSecret}" ${typed.pastedSecret}}`,
    `{"a": "${typed.pastedSecret}", }`,
    withToken({ secretFile: life.at('secrets', 'pve1-guest-101.secret') }),
    withToken({ secretFile: life.at('open.secret') }),
  ];
  await writeFile(life.at('open.secret'), typed.pastedSecret, { mode: 0o644 });
  const codes: unknown[] = [];
  for (const text of inVain) codes.push((await life.startInVain(text)).code);
  await cp(life.at('state.key'), life.at('kept.key'));
  await writeFile(life.at('state.key'), 'tacet-key-1.damaged');
  codes.push((await life.startInVain(JSON.stringify(config))).code);
  await cp(life.at('kept.key'), life.at('state.key'));
  steps['starts in vain'] = codes;
}

describe('over a whole life', () => {
  it('everything happened that should', () => {
    expect(steps).toMatchObject({
      'a wrong password': 1,
      provision: 0,
      sealed: true,
      restore: 0,
      'restore again': 1,
      'a copy': 'quarantined',
      adopt: 0,
      adopted: true,
      dismiss: 0,
      'a wrong credential': 'unauthorized',
      'a wrong API token': 401,
      'a wrong client file': 1,
      'a damaged client file': 2,
      'a viewer who wants more': 403,
      'node down': 1,
      'agent away': 3,
      channels: Array(10).fill(200),
      rotate: 0,
      'refused by the node': 1,
      'starts in vain': [1, 1, 1, 1, 1, 1],
    });
    // 3 is a backup that could not be held in time, which says nothing about secrets.
    expect([0, 3]).toContain(steps['backup']);
    expect([0, 3]).toContain(steps['backup with new secrets']);
    expect(needles.map(({ name }) => name)).toEqual(
      expect.arrayContaining([
        'TLS key',
        'API token',
        'enrolment secret',
        'credential 201',
        'credential 333',
      ]),
    );
  });

  it('everything was looked at: logs, every answer to GET, the store’s log, command lines and environments', () => {
    const { places } = life.evidence;
    const looked = [
      'controller log',
      'agent log',
      'cli',
      'api GET',
      'api POST',
      'proc cmdline',
      'proc environ',
      'state/controller.db',
      'state/controller.db-wal',
      'state/controller.key',
      'secrets/pve1-restore.secret',
      'guests/guest-101/identity.json',
    ];
    expect(places).toEqual(expect.arrayContaining(looked));
    expect(looked.filter((place) => life.evidence.bytesOf(place) < 50)).toEqual([]);
    expect(places.some((place) => place.startsWith('guests/guest-101/journal/'))).toBe(true);
    const asked = [...statuses];
    expect(asked.length).toBeGreaterThan(8);
    expect(asked.filter(([, status]) => status >= 500)).toEqual([]);
    const answered = asked.filter(([, status]) => status < 300).map(([path]) => path);
    for (const path of [
      'guests',
      'guests/{vmid}',
      'operations',
      'operations/{id}',
      'backups',
      'events',
      'notifications/{name}/deliveries',
    ]) {
      expect(answered).toContain(`/api/v1/${path}`);
    }
  });

  it('no secret appears where it must not', () => {
    expect(life.evidence.find(needles)).toEqual([]);
  });
});

describe('the search finds', () => {
  it('a canary that a guest reports: in the log, in the API, and in the bytes of the store', async () => {
    const canary = 'kanarie-9c1e7b3a5d2f8046-vogel';
    const before = new Set(life.evidence.places);
    expect(before.has('controller log')).toBe(true);
    await life.start();
    const agent = await life.connect(await life.credentialOf(101), 444);
    await agent.next('welcome');
    const event = {
      at: Date.now(),
      type: 'heal.step',
      message: `the password is ${canary}`,
      data: {},
    } as const;
    agent.send({ kind: 'event', sequence: 1, event });
    agent.send({ kind: 'heartbeat', sequence: 2 });
    await agent.next('heartbeat-ack');
    await life.ask('GET', '/api/v1/events?after=0&limit=1000');
    await life.collectFiles();
    await life.end('SIGTERM');
    const places = life.evidence.find([needle('canary', canary)]).map(({ place }) => place);
    expect(places).toEqual(
      expect.arrayContaining(['controller log', 'api GET', expect.stringMatching(/^state\/controller\.db/)]),
    );
  });

  it('a canary on a command line, and one in an environment', async () => {
    const evidence = new Evidence();
    using watch = new ProcessWatch(evidence);
    const child = startProgram('-e', ['setTimeout(() => {}, 60_000)', 'argument-5d2f8046'], {
      CANARY: 'environment-1e7b3a5d',
    });
    undo.defer(() => child.kill('SIGKILL'));
    const canaries = [needle('argument', 'argument-5d2f8046'), needle('environment', 'environment-1e7b3a5d')];
    await expect
      .poll(() => evidence.find(canaries).map(({ secret, place }) => [secret, place]), { timeout: 20_000 })
      .toEqual(
        expect.arrayContaining([
          ['argument', 'proc cmdline'],
          ['environment', 'proc environ'],
        ]),
      );
    expect(watch.seen).toBeGreaterThan(0);
    child.kill('SIGKILL');
  });

  it.each([
    ['as it is', (text: string) => text],
    ['cut off', (text: string) => text.slice(0, 16)],
    ['in base64, wherever it begins', (text: string) => Buffer.from(`ab${text}cd`).toString('base64')],
    ['in base64url', (text: string) => Buffer.from(`x${text}y`).toString('base64url')],
    ['in hex', (text: string) => Buffer.from(text).toString('hex')],
    ['in a URL', (text: string) => encodeURIComponent(text)],
    ['in JSON', (text: string) => JSON.stringify({ text })],
  ])('a secret %s', (_, disguise) => {
    const secret = 'a "quoted"/secret+of some=length';
    const evidence = new Evidence();
    evidence.add('place', `before ${disguise(secret)} after`);
    evidence.add('allowed/file', secret);
    expect(evidence.find([needle('it', secret, ['allowed'])]).map(({ place }) => place)).toEqual(['place']);
    expect(evidence.find([needle('other', 'another secret of that length')])).toEqual([]);
  });
});

it('the enrolment token is off the command line of the agent before anything is done with it', async () => {
  await using around = new Undo();
  const silent = createServer(() => undefined);
  silent.listen(0, '127.0.0.1');
  await once(silent, 'listening');
  around.defer(() => void silent.close());
  const address = silent.address();
  const port = typeof address === 'object' ? address?.port : 0;
  const secret = 'wD4rT7yU0iO3pA6sF9gH2jK5lZ8xC1vB';
  const fingerprint = Array(32).fill('AA').join(':');
  const token = encodeEnrolmentToken({ url: `https://127.0.0.1:${port}`, fingerprint, secret });
  const called = once(silent, 'connection');
  const child = startProgram(agentMain, ['enroll', token]);
  around.defer(() => void child.kill('SIGKILL'));
  await called;
  const cmdline = await readFile(`/proc/${child.pid}/cmdline`, 'utf8');
  expect(cmdline).toContain('tacet-agent enroll');
  expect(cmdline).not.toContain(token.slice(-30));
});
