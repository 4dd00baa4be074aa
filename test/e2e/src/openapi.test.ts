import { Validator } from '@seriousme/openapi-schema-validator';
import { Browser, FakeAgent, fakeIncarnation, FakeQuiesce, type Page } from '@tacet/controller/testing';
import {
  decodeEnrolmentToken,
  enrolmentSchema,
  enrolResponseSchema,
  guestListSchema,
  operationSchema,
  problemSchema,
} from '@tacet/protocol';
import { systemClock, Undo } from '@tacet/runtime';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type House, openHouse, originalMac } from './house.ts';
import { closed, type DocumentedOperation, openApiSchema, sampleOf } from './openapi-document.ts';

const password = 'correct horse battery staple';
const undo = new Undo();
afterAll(() => undo[Symbol.asyncDispose]());
const house: House = await openHouse(undo);
const anonymous = new Browser(house.controller.url);
const described: unknown = (await anonymous.ask('GET', '/api/v1/openapi.json')).json;
const document = openApiSchema.parse(described);

/** What is made first is looked at next; what takes something away comes last, and signing out very last. */
const order = ['PUT', 'POST', 'PATCH', 'GET', 'DELETE'];
const operations = Object.entries(document.paths)
  .flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ method: method.toUpperCase(), path, operation })),
  )
  .map((one) => ({ ...one, route: `${one.method} ${one.path}` }))
  .toSorted((one, other) => rank(one) - rank(other));

function rank({ method, path }: { method: string; path: string }): number {
  return order.indexOf(method) + (path === '/api/v1/session' && method === 'DELETE' ? order.length : 0);
}

const nightly = {
  name: 'nightly',
  guests: { include: { vmids: [101] } },
  when: { event: '02:00', timeZone: 'Europe/Berlin' },
};

/** For what a schema alone cannot know. */
const bodies: Record<string, unknown> = {
  'PUT /api/v1/schedules/{name}': nightly,
  'POST /api/v1/guests/{id}/adoption': { vmid: 333 },
  'PUT /api/v1/notifications/{name}': { kind: 'webhook', secrets: { url: 'http://127.0.0.1:9/' } },
  'POST /api/v1/accounts': { name: 'carl', role: 'viewer', password },
  'POST /api/v1/tokens': { name: 'made', role: 'viewer', expiresAt: null },
  'PATCH /api/v1/accounts/{name}': { role: 'viewer' },
  'POST /api/v1/session': { name: 'anna', password },
  'PUT /api/v1/session/password': { current: password, next: password },
  'POST /api/v1/guests/{vmid}/restores': { to: 201 },
};

const ajv = new Ajv2020({ strict: false, validateFormats: false });

/** What stands against an answer's being as described. */
function objections({ status, headers, json, text }: Page, { responses }: DocumentedOperation): unknown {
  const documented = responses[String(status)] ?? (status < 300 ? undefined : responses['default']);
  if (documented === undefined) return `the status ${status} is not described`;
  const type = String(headers['content-type'] ?? '').split(';')[0] ?? '';
  if (documented.content === undefined)
    return text === '' ? undefined : `a body where none is described: ${text}`;
  const content = documented.content[type];
  if (content === undefined) return `the type ${type} is not described for ${status}`;
  if (!type.endsWith('json')) return undefined;
  const validate = ajv.compile(closed(content.schema));
  return validate(json) ? undefined : { status, errors: validate.errors, json };
}

/** What must be there of a query. */
function queryOf({ parameters }: DocumentedOperation): string {
  const needed = parameters.filter((one) => one.in === 'query' && one.required === true);
  return needed.map(({ name, schema }) => `${name}=${String(sampleOf(schema))}`).join('&');
}

function codeOf({ json }: Page): string {
  return problemSchema.parse(json).code;
}

describe('the description of the API', () => {
  it('is valid OpenAPI 3.1', async () => {
    const { valid, errors } = await new Validator().validate(JSON.parse(JSON.stringify(described)));
    expect(errors ?? valid).toBe(true);
  });
});

describe('every route answers as it is described', () => {
  const anna = new Browser(house.controller.url);
  const refused: string[] = [];
  let operationId: string;

  beforeAll(async () => {
    await anna.setUp(house.controller.setupUrl, 'anna', password);
    await anna.ask('POST', '/api/v1/accounts', { body: { name: 'ben', role: 'admin', password } });
    await anna.ask('POST', '/api/v1/tokens', { body: { name: 'spare', role: 'viewer', expiresAt: null } });
    const credential = await enrol(101);
    await connect(101, credential, originalMac);
    operationId = await done(await anna.ask('POST', '/api/v1/guests/101/backups', { body: {} }));
    // Two copies that nobody ordered.
    await connect(333, credential, 'bc:24:11:00:03:33');
    await connect(334, credential, 'bc:24:11:00:03:34');
    bodies['POST /api/v1/agents/enroll'] = await enrolment(102);
  });

  async function enrolment(vmid: number): Promise<object> {
    const path = `/api/v1/guests/${vmid}/enrolments`;
    const { token } = await house.api.expect(enrolmentSchema, 'POST', path);
    const incarnation = fakeIncarnation(vmid, originalMac);
    return { secret: decodeEnrolmentToken(token).secret, agentVersion: '0.0.0', incarnation };
  }

  async function enrol(vmid: number): Promise<string> {
    const body = await enrolment(vmid);
    return (await house.api.expect(enrolResponseSchema, 'POST', '/api/v1/agents/enroll', body)).credential;
  }

  async function connect(vmid: number, credential: string, mac: string): Promise<void> {
    const quiesce = new FakeQuiesce(systemClock);
    const { agentUrl: url, fingerprint } = house.controller;
    const answer = quiesce.answer.bind(quiesce);
    const incarnation = fakeIncarnation(vmid, mac);
    const agent = await FakeAgent.connect({ url, fingerprint, credential, incarnation, answer });
    undo.defer(() => agent[Symbol.asyncDispose]());
    await agent.next('welcome');
  }

  /** Waits for the end of what is about the guest itself; copies that nobody starts are never ready. */
  async function done({ json }: Page): Promise<string> {
    const { id, kind } = operationSchema.parse(json);
    if (['backup', 'snapshot', 'rollback', 'rehearsal'].includes(kind)) {
      const get = () => house.api.expect(operationSchema, 'GET', `/api/v1/operations/${id}`);
      for (let n = 0; n < 600 && (await get()).state === 'running'; n += 1) await systemClock.sleep(50);
    }
    return id;
  }

  /** Of something that is there. */
  async function pathOf(template: string): Promise<string> {
    const { guests } = await house.api.expect(guestListSchema, 'GET', '/api/v1/guests');
    const copy =
      guests.find(({ vmid }) => vmid === (template.endsWith('adoption') ? 333 : 334))?.id ?? 'none';
    const names: Record<string, string> = {
      accounts: 'ben',
      tokens: 'spare',
      schedules: 'nightly',
      notifications: 'phone',
    };
    return template.replaceAll(/([\w-]+)\/\{(\w+)\}/g, (_, kind: string, name: string) => {
      if (name === 'vmid') return `${kind}/101`;
      return `${kind}/${names[kind] ?? (kind === 'guests' ? copy : operationId)}`;
    });
  }

  it.each(operations)('$route', async ({ method, path, operation, route }) => {
    const target = `${await pathOf(path)}?${queryOf(operation)}`;
    const body = operation.requestBody?.content['application/json']?.schema;
    const sample = body === undefined ? {} : { body: bodies[route] ?? sampleOf(body) };
    const least = body === undefined ? {} : { body: {} };
    const asked: Page[] = [];
    const codes: string[] = [];
    const expected: string[] = [];
    const refuse = async (browser: Browser, where: string, what: { body?: unknown }, code: string) => {
      const page = await browser.ask(method, where, what);
      asked.push(page);
      codes.push(codeOf(page));
      expected.push(code);
    };

    if (operation.security.length > 0) await refuse(anonymous, target, least, 'unauthorized');
    if (body !== undefined) await refuse(anna, target, { body: [] }, 'invalid-input');
    if (path.includes('{vmid}')) {
      await refuse(anna, target.replace('/101', '/abc'), least, 'invalid-input');
      asked.push(await anna.ask(method, target.replace('/101', '/999'), sample));
    }
    expect(codes).toEqual(expected);
    const onlyStatus = path.endsWith('/stream');
    // Whoever signs in, or enrols, is nobody yet.
    const browser = operation.security.length > 0 ? anna : new Browser(house.controller.url);
    const good = await browser.ask(method, target, { ...sample, onlyStatus });
    if (good.status >= 300) refused.push(`${route}: ${good.status}`);
    if (good.status === 202 && 'id' in Object(good.json)) await done(good);
    asked.push(good);

    for (const page of asked) expect(objections(page, operation)).toBeUndefined();
  });

  it('and does what it is for; but nothing is left to cancel, a second first account is none, and nobody has a provider here', () => {
    expect(refused.toSorted()).toEqual([
      'GET /api/v1/session/oidc/callback: 404',
      'GET /api/v1/session/oidc: 404',
      'POST /api/v1/operations/{id}/cancellation: 409',
      'POST /api/v1/setup: 409',
    ]);
  });
});
