import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { commandTable } from '@tacet/cli';
import { Undo } from '@tacet/runtime';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { openHouse } from '../house.ts';
import { openApiSchema } from '../openapi-document.ts';
import { tacet } from './tacet.ts';

/** Every command that asks a controller, as it is typed. What comes of it is tested elsewhere. */
const lines: Readonly<Record<string, string>> = {
  status: '101',
  guests: '',
  watch: '',
  nodes: '',
  doctor: '',
  enrol: '101',
  adopt: 'copy',
  dismiss: 'copy',
  backup: '101',
  rehearse: '101',
  thaw: '101',
  restore: '101 --to 201',
  snapshot: '101 --before upgrade',
  snapshots: '101',
  rollback: '101',
  drill: '101',
  backups: '',
  events: '',
  operation: '1',
  cancel: '1',
  'schedule list': '',
  'schedule set': 'nightly --file FILE',
  'schedule show': 'nightly',
  'schedule run': 'nightly',
  'schedule preview': 'nightly',
  'schedule delete': 'nightly',
  'notifications list': '',
  'notifications set': 'phone --file CHANNEL',
  'notifications show': 'phone',
  'notifications test': 'phone',
  'notifications delete': 'phone',
  'account list': '',
  'account add': 'anna --role viewer',
  'account role': 'anna operator',
  'account password': 'anna',
  'account delete': 'anna',
  'token list': '',
  'token create': 'robot --role viewer --expires never',
  'token revoke': 'robot',
  audit: '',
  settings: '',
};

/** Those that go on until something else happens: the request is enough. */
const goOn: Readonly<Record<string, string>> = {
  watch: 'GET /api/v1/events/stream',
  restore: 'POST /api/v1/guests/{vmid}/restores',
  drill: 'POST /api/v1/guests/{vmid}/drills',
};

/** The same command by another line. */
const more = ['status', 'operation', 'doctor --last'];

/** What no command asks for, and why that is right. */
const exceptions: Readonly<Record<string, string>> = {
  'GET /healthz': 'for what watches over processes',
  'GET /readyz': 'for what watches over processes',
  'GET /metrics': 'for Prometheus',
  'GET /api/v1/openapi.json': 'for programs that make clients',
  'GET /api/v1/docs': 'a page to be read in a browser',
  'POST /api/v1/agents/enroll': 'tacet-agent enroll asks it',
  'GET /api/v1/setup': 'the first account is made in a browser; tacet account add makes others',
  'POST /api/v1/setup': 'the first account is made in a browser; tacet account add makes others',
  'POST /api/v1/session': 'signs a browser in; tacet has a token',
  'GET /api/v1/session': 'is about a browser that is signed in',
  'DELETE /api/v1/session': 'signs a browser out',
  'GET /api/v1/session/oidc': 'sends a browser to the OpenID provider',
  'GET /api/v1/session/oidc/callback': 'the browser comes back from there',
  'PUT /api/v1/session/password': 'is about a browser that is signed in; tacet account password sets one',
};

/** On this machine alone. */
const local = [
  'setup',
  'hook install',
  'hook uninstall',
  'hook status',
  'pve provision',
  'completion',
  'help',
];

const never = (): never => {
  throw new Error('nothing is run here');
};

function commandNames(): string[] {
  const below = (command: ReturnType<typeof commandTable>, before: string): string[] =>
    command.commands.flatMap((one) => {
      const name = `${before}${one.name()}`;
      return one.commands.length === 0 ? [name] : below(one, `${name} `);
    });
  return below(commandTable({ ask: never, here: never, terminal: never }), '');
}

/** The routes that somebody has asked for, by the controller's own count. */
async function counted(api: { text(path: string): Promise<string> }): Promise<Set<string>> {
  const text = await api.text('/metrics');
  const samples = text.matchAll(/^tacet_http_request_duration_seconds_count\{(.*)\} /gm);
  return new Set(
    [...samples].map(([, labels = '']) => {
      const of = (name: string): string => new RegExp(`\\b${name}="([^"]*)"`).exec(labels)?.[1] ?? '';
      return `${of('method')} ${of('route')}`;
    }),
  );
}

describe('the command line', () => {
  const undo = new Undo();
  afterAll(() => undo[Symbol.asyncDispose]());
  let described: string[];
  let asked: Set<string>;

  beforeAll(async () => {
    const house = await openHouse(undo);
    const { api, controller } = house;
    const document = openApiSchema.parse(JSON.parse(await api.text('/api/v1/openapi.json')));
    described = Object.entries(document.paths).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
    );
    const file = join(controller.clientFile, '..', 'nightly.json');
    const when = { event: '02:00', timeZone: 'UTC' };
    await writeFile(file, JSON.stringify({ guests: { include: { vmids: [101] } }, when }));
    const channel = join(controller.clientFile, '..', 'phone.json');
    await writeFile(channel, JSON.stringify({ kind: 'ping', secrets: { url: 'https://127.0.0.1:9/x' } }));
    const env = { TACET_CONTROLLER: controller.clientFile };
    const typed = ['correct horse battery staple'];
    const commands = Object.entries(lines).map(([name, rest]) => ({ name, line: `${name} ${rest}`.trim() }));
    for (const { name, line } of [...commands, ...more.map((one) => ({ name: one, line: one }))]) {
      const enough = new AbortController();
      const { signal } = enough;
      const running = tacet(line.replace('FILE', file).replace('CHANNEL', channel).split(' '), {
        env,
        typed,
        signal,
      });
      const route = goOn[name];
      if (route !== undefined) {
        await vi.waitUntil(async () => (await counted(api)).has(route), { timeout: 30_000 });
        enough.abort(new Error('enough'));
      }
      await running;
    }
    asked = await counted(api);
  });

  it('is typed here in full', () => {
    const asking = commandNames().filter((name) => !local.includes(name));
    expect(Object.keys(lines).toSorted()).toEqual(asking.toSorted());
  });

  it('asks for every route of the API but those that have a reason', () => {
    const notAsked = described.filter((route) => !asked.has(route));
    expect(notAsked.toSorted()).toEqual(
      Object.keys(exceptions)
        .filter((route) => notAsked.includes(route))
        .toSorted(),
    );
  });

  it('has no exception for what is not there, or for what it asks', () => {
    expect(Object.keys(exceptions).filter((route) => !described.includes(route))).toEqual([]);
  });
});
