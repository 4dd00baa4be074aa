import { createHmac } from 'node:crypto';
import {
  type Channel,
  channelSchema,
  type NotificationMessage,
  notificationMessageSchema,
} from '@tacet/protocol';
import { systemClock, Undo } from '@tacet/runtime';
import { afterEach, describe, expect, it } from 'vitest';
import { testMessage } from '../message.ts';
import { deadUrl, identityFor, listen, type Listener, type Reply } from '../testing/listener.ts';
import { SEND_TIMEOUT_MS } from './post.ts';
import type { Secrets } from './secrets.ts';
import { send, sendMessage } from './send.ts';
import { Undelivered } from './undelivered.ts';

const message: NotificationMessage = {
  version: 1,
  id: '4a0e1bb2-6f0e-4b4e-8a52-2d6f6b9c3f10',
  kind: 'verdict-below-policy',
  resolved: false,
  at: 1_790_000_000_000,
  title: 'Guest 101: its backup is crash, not app – ärgerlich',
  text: 'There is a backup of guest 101, but a restore starts as after a power cut.\nWhat to do next: tacet doctor 101',
  notices: [
    {
      at: 1_790_000_000_000,
      vmids: [101],
      title: 'Guest 101: its backup is crash, not app',
      what: 'There is a backup of guest 101.',
      next: 'tacet doctor 101',
      link: 'https://tacet.example/guests/101',
    },
  ],
};
const ping = (good: boolean) =>
  ({ what: 'ping', message: { kind: 'ping', id: 'one', good, text: 'Guest 101: backed up' } }) as const;

let undo = new Undo();
afterEach(async () => {
  await undo[Symbol.asyncDispose]();
  undo = new Undo();
});

const carrier = (timeoutMs = SEND_TIMEOUT_MS) => ({
  clock: systemClock,
  version: '1.2.3',
  timeoutMs,
  signal: new AbortController().signal,
});

async function open(...options: Parameters<typeof listen>): Promise<Listener> {
  const listener = await listen(...options);
  undo.defer(() => listener[Symbol.asyncDispose]());
  return listener;
}

const webhook = (more: object = {}): Channel => channelSchema.parse({ kind: 'webhook', ...more });

async function failureOf(sending: Promise<unknown>): Promise<Undelivered> {
  const error: unknown = await sending.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (error instanceof Undelivered) return error;
  throw new Error('it was delivered, or failed in another way', { cause: error });
}

function wordsOf(error: Undelivered): string {
  const cause = error.cause instanceof Error ? error.cause.message : '';
  return `${error.message} ${cause} ${error.hint ?? ''}`;
}

const sendTo = (url: string, more: object = {}, secrets: Secrets = {}, timeoutMs = SEND_TIMEOUT_MS) =>
  failureOf(sendMessage(webhook(more), { url, ...secrets }, message, carrier(timeoutMs)));

const over = async (identity: Awaited<ReturnType<typeof identityFor>>, trust?: object) => {
  const listener = await open(() => ({}), identity);
  const sending = sendMessage(
    webhook({ ...(trust && { trust }) }),
    { url: listener.url },
    message,
    carrier(),
  );
  return { listener, sending };
};

const answered = async (reply: Reply): Promise<Undelivered> => await sendTo((await open(() => reply)).url);

describe('a webhook', () => {
  it('gets the message as JSON, signed with its key over the time and the body', async () => {
    const listener = await open(() => ({ status: 204 }));
    const secrets = { url: `${listener.url}/hooks/5ecret-path?team=7`, key: 'a-key-of-the-receiver' };
    const said = await sendMessage(webhook(), secrets, message, carrier());
    expect(said).toBe('204');
    const [heard] = listener.heard;
    expect(heard).toMatchObject({ method: 'POST', path: '/hooks/5ecret-path?team=7' });
    expect(heard?.headers).toMatchObject({
      'content-type': 'application/json',
      'user-agent': 'Tacet/1.2.3',
      'x-tacet-delivery': message.id,
    });
    expect(notificationMessageSchema.parse(JSON.parse(heard?.body ?? ''))).toEqual(message);
    const timestamp = String(heard?.headers['x-tacet-timestamp']);
    expect(Math.abs(Number(timestamp) * 1000 - Date.now())).toBeLessThan(60_000);
    const expected = createHmac('sha256', secrets.key).update(`${timestamp}.${heard?.body}`).digest('hex');
    expect(heard?.headers['x-tacet-signature']).toBe(`sha256=${expected}`);
  });

  it('without a key is not signed', async () => {
    const listener = await open();
    await sendMessage(webhook(), { url: listener.url }, message, carrier());
    expect(listener.heard[0]?.headers).not.toHaveProperty('x-tacet-signature');
  });

  it('without an address is told to be put again', async () => {
    const error = await failureOf(sendMessage(webhook(), {}, message, carrier()));
    expect(error).toMatchObject({ refused: true, hint: 'Put it again with its url.' });
  });
});

describe('ntfy', () => {
  it('is published to as JSON at the root of the server, with the token', async () => {
    const listener = await open(() => ({ body: '{"id":"x"}' }));
    const channel = channelSchema.parse({ kind: 'ntfy', server: listener.url });
    await sendMessage(channel, { topic: 'tacet_alerts', token: 'tk_geheim' }, message, carrier());
    const [heard] = listener.heard;
    expect(heard).toMatchObject({ method: 'POST', path: '/' });
    expect(heard?.headers).toMatchObject({
      authorization: 'Bearer tk_geheim',
      'content-type': 'application/json',
    });
    expect(JSON.parse(heard?.body ?? '')).toEqual({
      topic: 'tacet_alerts',
      title: message.title,
      message: message.text,
      priority: 3,
      tags: ['warning'],
      click: 'https://tacet.example/guests/101',
    });
  });

  it('gets no more than it keeps as a message, and no half of a character', async () => {
    const listener = await open();
    const channel = channelSchema.parse({ kind: 'ntfy', server: listener.url });
    await sendMessage(channel, { topic: 't' }, { ...message, text: 'ä'.repeat(3000) }, carrier());
    const body = JSON.parse(listener.heard[0]?.body ?? '') as { message: string };
    expect(Buffer.byteLength(body.message)).toBeLessThanOrEqual(4000);
    expect(body.message).toMatch(/^ä+…$/);
    expect(listener.heard[0]?.headers).not.toHaveProperty('authorization');
  });
});

describe('Gotify', () => {
  it('gets a message with its application’s token in the header, also below a path', async () => {
    const listener = await open(() => ({ body: '{"id":25}' }));
    const channel = channelSchema.parse({ kind: 'gotify', server: `${listener.url}/gotify/` });
    await sendMessage(channel, { token: 'AppToken.geheim' }, message, carrier());
    const [heard] = listener.heard;
    expect(heard).toMatchObject({ method: 'POST', path: '/gotify/message' });
    expect(heard?.headers).toMatchObject({
      'x-gotify-key': 'AppToken.geheim',
      'content-type': 'application/json',
    });
    expect(JSON.parse(heard?.body ?? '')).toEqual({
      title: message.title,
      message: message.text,
      priority: 5,
      extras: {
        'client::display': { contentType: 'text/plain' },
        'client::notification': { click: { url: 'https://tacet.example/guests/101' } },
      },
    });
  });
});

describe('a check in the way of Healthchecks', () => {
  const check = '/ping/0c0ffee0-1111-4222-8333-444455556666';
  const channel = channelSchema.parse({ kind: 'ping' });

  it.each([
    [true, check],
    [false, `${check}/fail`],
  ])('is told good: %s at its own address', async (good, path) => {
    const listener = await open(() => ({ body: 'OK' }));
    expect(await send(channel, { url: `${listener.url}${check}` }, ping(good), carrier())).toBe('200 OK');
    expect(listener.heard).toMatchObject([{ method: 'POST', path, body: 'Guest 101: backed up' }]);
    expect(listener.heard[0]?.headers['content-type']).toBe('text/plain; charset=utf-8');
  });

  it('keeps its state in a test', async () => {
    const listener = await open();
    const test = testMessage('checks', { id: 'x', at: 0, origin: 'https://tacet.example' });
    await sendMessage(channel, { url: `${listener.url}${check}` }, test, carrier());
    expect(listener.heard).toMatchObject([{ path: `${check}/log` }]);
  });
});

describe('what does not arrive', () => {
  it('is tried again where nobody listens', async () => {
    const error = await sendTo(await deadUrl());
    expect(error).toMatchObject({ refused: false, retryAfterMs: undefined });
    expect(error.message).toMatch(/^cannot connect to 127\.0\.0\.1:\d+$/);
  });

  it.each([500, 502, 503, 408, 425, 429])('is tried again soon after %i', async (status) => {
    expect(await answered({ status })).toMatchObject({ refused: false });
  });

  it.each([400, 401, 403, 404, 413])('waits for somebody after %i', async (status) => {
    const error = await answered({ status, body: '{"error":"no"}' });
    expect(error).toMatchObject({ refused: true });
    expect(error.message).toContain(`answered ${status}: {"error":"no"}`);
  });

  it('waits for as long as it is told, in seconds or until a date', async () => {
    const seconds = await answered({ status: 429, headers: { 'retry-after': '120' } });
    expect(seconds.retryAfterMs).toBe(120_000);
    const later = new Date(Date.now() + 90_000).toUTCString();
    const date = await answered({ status: 503, headers: { 'retry-after': later } });
    expect(date.retryAfterMs).toBeGreaterThan(60_000);
    expect(date.retryAfterMs).toBeLessThanOrEqual(91_000);
    const aWeek = await answered({ status: 429, headers: { 'retry-after': '604800' } });
    expect(aWeek.retryAfterMs).toBe(3_600_000);
  });

  it('follows no redirect: what is secret goes nowhere else', async () => {
    const elsewhere = await open();
    const listener = await open(() => ({ status: 307, headers: { location: elsewhere.url } }));
    const error = await sendTo(listener.url);
    expect(error).toMatchObject({
      refused: true,
      hint: expect.stringContaining('the address at which it ends'),
    });
    expect(elsewhere.heard).toEqual([]);
  });

  it('is given up after a while where nobody answers', async () => {
    const listener = await open(() => 'silence');
    const error = await sendTo(listener.url, {}, {}, 200);
    expect(wordsOf(error)).toContain('took longer than 200 ms');
    expect(error.refused).toBe(false);
  });

  it('reads no more of an answer than it can use', async () => {
    const listener = await open(() => ({ status: 500, body: 'x'.repeat(5_000_000) }));
    expect((await sendTo(listener.url)).message.length).toBeLessThan(400);
  });

  it('says nothing that is secret, even where the other side repeats it', async () => {
    const secrets = {
      url: '/hooks/T0KEN-in-the-path?key=An0therSecret',
      key: 'the-k3y-of-the-receiver "quoted"',
    };
    const listener = await open(({ path }) => ({
      status: 403,
      body: `no ${path} ${secrets.key} ${JSON.stringify(secrets.key)} ${encodeURIComponent(secrets.key)} ${Buffer.from(secrets.key).toString('base64')}`,
    }));
    const words = wordsOf(await sendTo(`${listener.url}${secrets.url}`, {}, { key: secrets.key }));
    expect(words).toContain('[redacted]');
    expect(words).not.toMatch(/T0KEN|An0therSecret|k3y-of/);
  });

  it('never shows half of a secret at the end of what was read', async () => {
    const key = 'S3CRET'.repeat(20);
    const listener = await open(() => ({ status: 403, body: `${'x'.repeat(4096 - 60)}${key}` }));
    expect(wordsOf(await sendTo(listener.url, {}, { key }))).not.toContain('S3CRET');
  });
});

describe('over TLS', () => {
  it.each(['ca', 'fingerprint'] as const)('a message goes to whom its %s trusts', async (how) => {
    const identity = await identityFor('127.0.0.1');
    const trust = how === 'ca' ? { ca: identity.cert } : { fingerprint: identity.fingerprint.toLowerCase() };
    const { listener, sending } = await over(identity, trust);
    await sending;
    expect(listener.heard).toHaveLength(1);
  });

  it('nothing goes to anybody whom nobody knows, and says how to trust him', async () => {
    const { listener, sending } = await over(await identityFor('127.0.0.1'));
    const error = await failureOf(sending);
    expect(error).toMatchObject({ refused: true, hint: expect.stringContaining('`trust`') });
    expect(error.message).toMatch(/^the certificate of 127\.0\.0\.1:\d+ is not trusted \(\w+\)$/);
    expect(listener.heard).toEqual([]);
  });

  it('nothing goes to another certificate, or to one for another name', async () => {
    const stranger = await identityFor('127.0.0.1');
    const wrongPin = await over(await identityFor('127.0.0.1'), { fingerprint: stranger.fingerprint });
    expect((await failureOf(wrongPin.sending)).message).toContain('not trusted');
    const other = await identityFor('other.example');
    const wrongName = await over(other, { ca: other.cert });
    expect((await failureOf(wrongName.sending)).message).toContain('ERR_TLS_CERT_ALTNAME_INVALID');
    expect([...wrongPin.listener.heard, ...wrongName.listener.heard]).toEqual([]);
  });
});
