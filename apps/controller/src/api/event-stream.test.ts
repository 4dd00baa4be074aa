import { request } from 'node:https';
import { madeApiTokenSchema, type StoredEvent, storedEventSchema } from '@tacet/protocol';
import { assert, beforeEach, describe, expect, it, vi } from 'vitest';
import { ManualClock, silentLogger } from '@tacet/runtime';
import { Access } from '../access/access.ts';
import type { Controller } from '../controller.ts';
import { EventLog } from '../event-log.ts';
import { openStore } from '../store/open-store.ts';
import { ApiClient } from '../testing/api-client.ts';
import { Browser } from '../testing/browser.ts';
import { enrolAgent } from '../testing/enrol-agent.ts';
import { fakeIncarnation } from '../testing/fake-agent.ts';
import { TestHouse } from '../testing/test-house.ts';
import { eventStream } from './event-stream.ts';

let house: TestHouse;
let controller: Controller;
let api: ApiClient;
beforeEach(async () => {
  house = await TestHouse.create();
  controller = await house.open();
  api = await ApiClient.of(controller.clientFile);
  return () => house[Symbol.asyncDispose]();
});

/** Makes one event: guest.enrolled. */
async function enrol(vmid: number): Promise<void> {
  await enrolAgent(api, vmid, fakeIncarnation(vmid));
}

interface Stream {
  readonly events: StoredEvent[];
  readonly ended: Promise<void>;
  close(): void;
}

function listen(headers: Record<string, string>, query = ''): Promise<Stream> {
  return new Promise((resolve, reject) => {
    const url = new URL(`/api/v1/events/stream${query}`, controller.url);
    const call = request(url, { headers, rejectUnauthorized: false }, (response) => {
      expect(response.headers['content-type']).toBe('text/event-stream');
      const events: StoredEvent[] = [];
      let text = '';
      const ended = new Promise<void>((done) => response.once('close', done));
      response.setEncoding('utf8').on('data', (part: string) => {
        text += part;
        for (const [, id, data = ''] of text.matchAll(/id: (\d+)\ndata: (.*)\n\n/g)) {
          const event = storedEventSchema.parse(JSON.parse(data));
          expect(event.sequence).toBe(Number(id));
          if (!events.some(({ sequence }) => sequence === event.sequence)) events.push(event);
        }
      });
      response.on('error', () => undefined); // cut off by the test itself
      resolve({ events, ended, close: () => call.destroy() });
    });
    call.on('error', reject);
    call.end();
  });
}

async function newToken(name: string): Promise<Record<string, string>> {
  const body = { name, role: 'viewer', expiresAt: null };
  const { secret } = await api.expect(madeApiTokenSchema, 'POST', '/api/v1/tokens', body);
  return { authorization: `Bearer ${secret}` };
}

const vmids = ({ events }: Stream): unknown[] => events.map(({ vmid }) => vmid);

describe('the event stream', () => {
  it('tells what happens from now on, and goes on after what was heard last', async () => {
    await enrol(101);
    const headers = await newToken('one');
    const live = await listen(headers);
    await enrol(102);
    await expect.poll(() => vmids(live)).toEqual([102]);
    live.close();
    await enrol(103);

    const last = String(live.events[0]?.sequence);
    const resumed = await listen({ ...headers, 'last-event-id': last }, '?after=0');
    await expect.poll(() => vmids(resumed)).toEqual([103]);
    const all = await listen(headers, '?after=0');
    await expect.poll(() => vmids(all)).toEqual([101, 102, 103]);
    resumed.close();
    all.close();
  });

  it('ends with the token', async () => {
    const stream = await listen(await newToken('one'));
    const other = await listen(await newToken('two'));
    await api.call('DELETE', '/api/v1/tokens/one');
    await stream.ended;
    await enrol(101);
    await expect.poll(() => vmids(other)).toEqual([101]);
    expect(vmids(stream)).toEqual([]);
    other.close();
  });

  it('ends when the browser is signed out, and when the controller stops', async () => {
    const browser = new Browser(controller.url);
    await browser.setUp(controller.setupUrl, 'anna', 'correct horse battery staple');
    const stream = await listen({ cookie: browser.cookie ?? '' });
    await browser.ask('DELETE', '/api/v1/session');
    await expect(stream.ended).resolves.toBeUndefined();

    const last = await listen(await newToken('one'));
    await controller[Symbol.asyncDispose]();
    await expect(last.ended).resolves.toBeUndefined();
  });

  it('is not opened without end by one and the same', async () => {
    const headers = await newToken('one');
    const streams = await Promise.all(Array.from({ length: 20 }, () => listen(headers)));
    const browser = new Browser(controller.url);
    const refused = await browser.ask('GET', '/api/v1/events/stream', { headers });
    expect(refused.status).toBe(429);
    for (const stream of streams) stream.close();
    await expect
      .poll(
        async () => (await browser.ask('GET', '/api/v1/events/stream', { headers, onlyStatus: true })).status,
      )
      .toBe(200);
  });
});

describe('a stream on which nothing happens', () => {
  it('says so every 15 seconds, and ends when whose it is may no longer be here', async () => {
    const clock = new ManualClock();
    await using store = await openStore(':memory:');
    const log = silentLogger;
    const events = new EventLog({ events: store.events, clock, log });
    const limits = { loginIdleMs: 60_000, loginMaxMs: 60_000 };
    await using access = new Access({ store, clock, log, limits });
    const expiresAt = clock.now() + 40_000;
    const principal = await access.byToken(await access.makeToken({ name: 'x', role: 'viewer', expiresAt }));
    assert(principal);
    const onEnd = vi.fn<() => void>();
    const { signal } = new AbortController();
    const stream = eventStream({ events, access, clock, principal, after: 0, signal, onEnd });
    const reader = stream.pipeThrough(new TextDecoderStream()).getReader();
    expect(await reader.read()).toMatchObject({ value: 'retry: 3000\n\n' });
    for (let n = 0; n < 2; n += 1) {
      await clock.advance(15_000);
      expect(await reader.read()).toMatchObject({ value: ': nothing new\n\n' });
    }
    await clock.advance(15_000);
    for (let part = await reader.read(); !part.done;) part = await reader.read();
    expect(onEnd).toHaveBeenCalledOnce();
  });
});

describe('what is asked for again and again', () => {
  it('is sent again only when it has changed', async () => {
    const browser = new Browser(controller.url);
    const headers = await newToken('one');
    const first = await browser.ask('GET', '/api/v1/guests', { headers });
    const tag = String(first.headers['etag']);
    const asked = { headers: { ...headers, 'if-none-match': tag } };
    const same = await browser.ask('GET', '/api/v1/guests', asked);
    expect([same.status, same.text, same.headers['etag']]).toEqual([304, '', tag]);
    await enrol(101);
    const changed = await browser.ask('GET', '/api/v1/guests', asked);
    expect(changed.status).toBe(200);
    expect(changed.headers['etag']).not.toBe(tag);
  });
});
