import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { exitCodes, run } from '@tacet/cli';
import { type NotificationMessage, notificationMessageSchema } from '@tacet/protocol';
import { Undo } from '@tacet/runtime';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type House, openHouse } from '../house.ts';

const undo = new Undo();
const received: NotificationMessage[] = [];
let house: House;
let file: string;
let url: string;
let status = 200;

beforeAll(async () => {
  house = await openHouse(undo);
  const directory = await mkdtemp(join(tmpdir(), 'tacet-notifications-'));
  undo.defer(() => rm(directory, { recursive: true }));
  file = join(directory, 'phone.json');
  const server = createServer((request, response) => {
    const keep = async (): Promise<void> => {
      received.push(notificationMessageSchema.parse(JSON.parse(await text(request))));
      response.writeHead(status).end('heard');
    };
    void keep();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  undo.defer(() => void server.close());
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('not listening on a port');
  url = `http://127.0.0.1:${address.port}/a-secret-path`;
});
afterAll(() => undo[Symbol.asyncDispose]());

async function tacet(line: string): Promise<{ code: number; out: string; err: string }> {
  const spoken = { code: -1, out: '', err: '' };
  spoken.code = await run({
    argv: line.split(' '),
    env: { TACET_CONTROLLER: house.controller.clientFile },
    stdout: (words) => void (spoken.out += words),
    stderr: (words) => void (spoken.err += words),
    signal: new AbortController().signal,
  });
  return spoken;
}

async function set(channel: object): ReturnType<typeof tacet> {
  await writeFile(file, JSON.stringify(channel));
  return await tacet(`notifications set phone --file ${file}`);
}

// A story: each step goes on where the one before has ended.
describe('tacet notifications', () => {
  it('says how to begin', async () => {
    expect((await tacet('notifications list')).out).toContain('tacet notifications set NAME --file FILE');
  });

  it('refuses what is no channel before it is sent, without repeating it', async () => {
    const refused = await set({ kind: 'webhook', secrets: { url: 'ftp://T0KEN.example' }, nonsense: 1 });
    expect(refused).toMatchObject({ code: exitCodes.usage, out: '' });
    expect(refused.err).toContain('secrets.url');
    expect(refused.err).not.toContain('T0KEN');
    await writeFile(file, '{"secrets": {"url": "https://T0KEN.example"');
    const damaged = await tacet(`notifications set phone --file ${file}`);
    expect(damaged).toMatchObject({ code: exitCodes.usage });
    expect(damaged.err).toContain('hint: docs/guides/notifications.md');
    expect(damaged.err).not.toContain('T0KEN');
    expect((await tacet('notifications show phone')).err).toContain('no channel is called "phone"');
  });

  it('makes a channel, and never shows its secrets again', async () => {
    const made = await set({ kind: 'webhook', secrets: { url }, groupMs: 0, limit: { messages: 5 } });
    expect(made).toMatchObject({ code: exitCodes.ok });
    expect(made.out).toContain('Channel  phone, version 1');
    expect(made.out).toMatch(/Kind {5}webhook, to http:\/\/127\.0\.0\.1:\d+\n/);
    expect(made.out).toContain('Secrets  url (never shown)');
    expect(made.out).toContain('at once; at most 5 messages in 60 min');
    const shown = [made, await tacet('notifications show phone'), await tacet('--json notifications list')];
    expect(JSON.stringify(shown)).not.toContain('a-secret-path');
  });

  it('tests it, and says what came of it', async () => {
    const good = await tacet('notifications test phone');
    expect(good).toMatchObject({
      code: exitCodes.ok,
      out: expect.stringMatching(/^Delivered after \d+ ms: 200 heard\n$/),
    });
    expect(received).toMatchObject([{ kind: 'test' }]);
    status = 500;
    const bad = await tacet('notifications test phone');
    expect(bad).toMatchObject({ code: exitCodes.failed });
    expect(bad.out).toMatch(/^Not delivered after \d+ ms: 127\.0\.0\.1:\d+ answered 500: heard\n$/);
    status = 200;
  });

  it('tells of a backup that is not what it should be, and shows that it did', async () => {
    // Guest 102 has no agent: nobody holds it.
    expect((await tacet('backup 102')).code).toBe(exitCodes.below);
    await expect.poll(() => received.at(-1)?.kind, { timeout: 30_000 }).toBe('verdict-below-policy');
    const message = received.at(-1);
    expect(message).toMatchObject({ resolved: false, title: 'Guest 102: its backup is crash, not app' });
    expect(message?.text).toContain('tacet doctor 102');
    expect(message?.notices[0]?.link).toMatch(/^https:\/\/127\.0\.0\.1:\d+\/operations\/[\w-]+$/);
    await expect
      .poll(async () => (await tacet('notifications list')).out, { timeout: 30_000 })
      .toMatch(/phone +webhook +http:\S+ +0 +sent .* Guest 102: its backup is crash, not app/);
    expect((await tacet('notifications show phone')).out).toMatch(/sent +1 +Guest 102: its backup is crash/);
    const metrics = await house.api.text('/metrics');
    expect(metrics).toContain('tacet_notifications_total{channel="phone",outcome="sent"} 1');
  });

  it('deletes it', async () => {
    expect((await tacet('notifications delete phone')).code).toBe(exitCodes.ok);
    expect((await tacet('notifications test phone')).code).toBe(exitCodes.failed);
  });
});
