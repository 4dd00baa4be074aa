import { readFile } from 'node:fs/promises';
import { type NotificationMessage, notificationMessageSchema } from '@tacet/protocol';
import { KeyRing } from '@tacet/runtime/sealing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { DeskBench } from './testing/desk-bench.ts';
import type { Heard, Listener } from './testing/listener.ts';

let bench: DeskBench;
beforeEach(async () => {
  bench = await DeskBench.open();
});
afterEach(() => bench[Symbol.asyncDispose]());

const failed = { error: { code: 'backup-failed', message: 'vzdump failed', retryable: false } } as const;
const messagesOf = ({ heard }: Listener): NotificationMessage[] =>
  heard.map(({ body }) => notificationMessageSchema.parse(JSON.parse(body)));
const titlesOf = (listener: Listener): string[] => messagesOf(listener).map(({ title }) => title);
/** Each message once: where time flies, an answer may come too late, and it is sent again. */
const newsOf = (listener: Listener): string[] => [
  ...new Map(messagesOf(listener).map(({ id, title }) => [id, title])).values(),
];

const stubborn = (replies: number[], headers: Record<string, string> = {}) => {
  let count = 0;
  return (): { status: number; headers?: Record<string, string> } => {
    const status = replies[count++] ?? 200;
    return status === 200 ? { status } : { status, headers };
  };
};

const ping = (listener: Listener, more: object = {}) =>
  bench.put('check', { kind: 'ping', secrets: { url: `${listener.url}/uuid` }, ...more });
const pathsOf = ({ heard }: Listener): string[] => heard.map(({ path }) => path);

describe('what happened', () => {
  it('is told in plain words, with what to do next', async () => {
    const listener = await bench.listen();
    await bench.webhook('hook', listener);
    const id = await bench.ended(101, { ...failed });
    await listener.whenHeard(1);
    const [message] = messagesOf(listener);
    expect(message).toMatchObject({
      kind: 'operation-failed',
      resolved: false,
      title: 'Guest 101: its backup failed',
    });
    expect(message?.text).toBe(
      [
        'The backup of guest 101 of 2026-01-01 00:00 UTC failed: vzdump failed',
        'What to do next: tacet doctor 101 looks for the reason; tacet backup 101 tries again.',
        `https://tacet.example/operations/${id}`,
        '(2026-01-01 00:00 UTC)',
      ].join('\n'),
    );
    expect(message?.notices[0]).toMatchObject({
      vmids: [101],
      link: `https://tacet.example/operations/${id}`,
    });
  });

  it('before there were channels, or while one is disabled, is told to nobody', async () => {
    await bench.ended(101, failed);
    await bench.settled();
    const listener = await bench.listen();
    await bench.webhook('hook', listener, { enabled: false });
    await bench.ended(102, failed);
    await bench.settled();
    await bench.webhook('hook', listener);
    await bench.ended(103, failed);
    await listener.whenHeard(1);
    expect(titlesOf(listener)).toEqual(['Guest 103: its backup failed']);
  });

  it('goes only to who wants to know it', async () => {
    const [all, drills, one] = [await bench.listen(), await bench.listen(), await bench.listen()];
    await bench.webhook('all', all);
    await bench.webhook('drills', drills, { kinds: ['drill-failed'] });
    await bench.webhook('one', one, { vmids: [102] });
    await bench.ended(101, { ...failed, kind: 'drill' });
    await bench.ended(102, failed);
    await all.whenHeard(2);
    await Promise.all([drills.whenHeard(1), one.whenHeard(1)]);
    expect(titlesOf(drills)).toEqual(['Guest 101: a drill of its backup failed']);
    expect(titlesOf(one)).toEqual(['Guest 102: its backup failed']);
  });

  it('is told to be over, once, to who wants to know that', async () => {
    const [both, bad] = [await bench.listen(), await bench.listen()];
    await bench.webhook('both', both);
    await bench.webhook('bad', bad, { resolved: false });
    await bench.ended(101, { consistency: 'crash' });
    await both.whenHeard(1);
    await bench.ended(101, { consistency: 'app' });
    await both.whenHeard(2);
    await bench.ended(101, { consistency: 'app' });
    await bench.ended(101, failed);
    await both.whenHeard(3);
    await bad.whenHeard(2);
    expect(titlesOf(both)).toEqual([
      'Guest 101: its backup is crash, not app',
      'Guest 101: its backup is good again',
      'Guest 101: its backup failed',
    ]);
    expect(messagesOf(both).map(({ resolved }) => resolved)).toEqual([false, true, false]);
    expect(titlesOf(bad)).toEqual([
      'Guest 101: its backup is crash, not app',
      'Guest 101: its backup failed',
    ]);
  });
});

describe('a guest', () => {
  it('whose agent stays away is told as not ready, once; a restart does not tell it again', async () => {
    const listener = await bench.listen();
    await bench.webhook('hook', listener, { kinds: ['guest-not-ready'] });
    await bench.enrol(101);
    const begun = bench.clock.now();
    await bench.until(() => listener.heard.length >= 1, 30_000);
    expect(bench.clock.now() - begun).toBeGreaterThanOrEqual(15 * 60_000);
    expect(messagesOf(listener)[0]).toMatchObject({
      title: 'Guest 101 is not ready',
      text: expect.stringContaining('no agent of it has called since this controller was started'),
    });
    await bench.until(() => bench.outcomes.includes('hook sent'), 1_000);
    await bench.stop();
    await bench.start();
    for (let minute = 0; minute < 30; minute += 1) {
      await bench.clock.advance(60_000);
      await bench.settled();
    }
    expect(newsOf(listener)).toEqual(['Guest 101 is not ready']);
  });

  it('that nobody backs up is told as overdue, and when that is over', async () => {
    const listener = await bench.listen();
    await bench.webhook('hook', listener, { kinds: ['backup-overdue'] });
    await bench.enrol(101);
    await bench.until(() => listener.heard.length >= 1, 600_000);
    await bench.until(() => bench.outcomes.includes('hook sent'), 1_000);
    await bench.ended(101, { consistency: 'crash' });
    await bench.until(() => newsOf(listener).length >= 2, 10_000);
    expect(newsOf(listener)).toEqual([
      'Guest 101: its backup is overdue',
      'Guest 101: its backup is not overdue any more',
    ]);
  });

  it('that is gone is no incident any more, and nobody is told so', async () => {
    const listener = await bench.listen();
    await bench.webhook('hook', listener, { kinds: ['guest-not-ready'] });
    await bench.enrol(101);
    await bench.until(() => listener.heard.length >= 1, 30_000);
    await bench.store.guests.remove('guest-101');
    await bench.until(async () => (await bench.store.notificationNews.incidents()).length === 0, 30_000);
    expect(newsOf(listener)).toEqual(['Guest 101 is not ready']);
  });
});

describe('several things', () => {
  it('of one kind within a while become one message', async () => {
    const listener = await bench.listen();
    await bench.webhook('hook', listener, { groupMs: 60_000 });
    for (const vmid of [101, 102, 103]) await bench.ended(vmid, failed);
    await bench.ended(104, { consistency: 'crash' });
    await bench.settled();
    expect((await bench.desk.get('hook')).waiting).toBe(4);
    expect(listener.heard).toEqual([]);
    await bench.clock.advance(60_000);
    await listener.whenHeard(2);
    const [many, one] = messagesOf(listener);
    expect(many).toMatchObject({ title: '3 operations failed', kind: 'operation-failed' });
    expect(many?.notices.map(({ vmids }) => vmids)).toEqual([[101], [102], [103]]);
    expect(many?.text).toContain('Guest 102: its backup failed\nThe backup of guest 102');
    expect(one?.title).toBe('Guest 104: its backup is crash, not app');
  });

  it('beyond what a channel may send wait, and are put together', async () => {
    const listener = await bench.listen();
    await bench.webhook('hook', listener, { limit: { messages: 2, perMs: 3_600_000 } });
    for (const vmid of [101, 102, 103, 104, 105]) {
      await bench.ended(vmid, failed);
      await bench.settled();
      if (vmid < 103) await listener.whenHeard(vmid - 100);
    }
    await bench.until(async () => (await bench.desk.get('hook')).waiting === 3);
    const before = bench.clock.now();
    await bench.until(() => listener.heard.length >= 3, 60_000);
    expect(bench.clock.now() - before).toBeGreaterThanOrEqual(3_600_000 - 60_000);
    expect(titlesOf(listener)[2]).toBe('3 operations failed');
  });
});

describe('what does not arrive', () => {
  it('is sent again as it was, until it does', async () => {
    const listener = await bench.listen(stubborn([500, 503]));
    await bench.webhook('hook', listener);
    await bench.ended(101, failed);
    await bench.until(() => listener.heard.length >= 3, 1_000);
    await bench.until(() => bench.outcomes.length === 3);
    expect(new Set(messagesOf(listener).map(({ id }) => id)).size).toBe(1);
    expect(bench.outcomes).toEqual(['hook retried', 'hook retried', 'hook sent']);
    const { lastDelivery, waiting } = await bench.desk.get('hook');
    expect(lastDelivery).toMatchObject({ state: 'sent', attempts: 3, error: null, nextAt: null });
    expect(waiting).toBe(0);
  });

  it('says when it is tried again, and why; not before it may be', async () => {
    const listener = await bench.listen(stubborn([429], { 'retry-after': '600' }));
    await bench.webhook('hook', listener);
    await bench.ended(101, failed);
    await bench.until(() => bench.outcomes.length === 1);
    const { lastDelivery } = await bench.desk.get('hook');
    expect(lastDelivery).toMatchObject({ state: 'waiting', attempts: 1 });
    expect(lastDelivery?.error).toMatch(/^127\.0\.0\.1:\d+ answered 429$/);
    expect(lastDelivery?.nextAt).toBe(bench.clock.now() + 600_000);
    await bench.until(() => bench.outcomes.length === 2, 30_000);
    expect(bench.clock.now()).toBeGreaterThanOrEqual(lastDelivery?.nextAt ?? Infinity);
  });

  it('is given up after a while, and what comes later is sent all the same', async () => {
    let isUp = false;
    const listener = await bench.listen(() => ({ status: isUp ? 200 : 500 }));
    await bench.webhook('hook', listener);
    await bench.ended(101, failed);
    await bench.until(() => bench.outcomes.includes('hook failed'), 300_000);
    const [given] = await bench.desk.deliveries('hook', 10);
    expect(given).toMatchObject({ state: 'failed', nextAt: null });
    expect(given?.attempts).toBeGreaterThan(10);
    isUp = true;
    await bench.ended(102, failed);
    await bench.until(() => bench.outcomes.at(-1) === 'hook sent');
    expect(titlesOf(listener).at(-1)).toBe('Guest 102: its backup failed');
  });

  it('keeps nobody else from being told', async () => {
    const [silent, other] = [await bench.listen(() => 'silence'), await bench.listen()];
    await bench.webhook('a-silent-one', silent);
    await bench.webhook('other', other);
    await bench.ended(101, failed);
    await other.whenHeard(1);
    expect(titlesOf(other)).toEqual(['Guest 101: its backup failed']);
  });

  it('is tried at once where its channel is put right', async () => {
    const [wrong, right] = [await bench.listen(() => ({ status: 404 })), await bench.listen()];
    await bench.webhook('hook', wrong);
    await bench.ended(101, failed);
    await bench.until(() => bench.outcomes.length === 1);
    await bench.webhook('hook', right);
    await right.whenHeard(1);
    expect(messagesOf(right)[0]?.id).toBe(messagesOf(wrong)[0]?.id);
  });
});

describe('a controller that was stopped', () => {
  it('goes on where it was: what waits is sent once, what happened before its end is told', async () => {
    let isUp = false;
    const listener = await bench.listen(() => ({ status: isUp ? 200 : 503 }));
    await bench.webhook('hook', listener);
    await bench.ended(101, failed);
    await bench.until(() => bench.outcomes.length === 1);
    await bench.webhook('later', listener, { groupMs: 60_000, kinds: ['verdict-below-policy'] });
    await bench.ended(102, { consistency: 'crash' });
    await bench.settled();
    await bench.desk[Symbol.asyncDispose]();
    // Nobody watches any more; what happens is in the store all the same.
    await bench.ended(103, failed);
    await bench.store[Symbol.asyncDispose]();
    isUp = true;
    const before = listener.heard.length;
    await bench.start();
    await bench.until(async () => {
      const channels = await bench.desk.list();
      return listener.heard.length >= before + 4 && channels.every(({ waiting }) => waiting === 0);
    }, 10_000);
    const after = titlesOf(listener).slice(before).toSorted();
    expect(after).toEqual([
      'Guest 101: its backup failed',
      'Guest 102: its backup is crash, not app',
      'Guest 102: its backup is crash, not app',
      'Guest 103: its backup failed',
    ]);
  });

  it('sends again what it was sending, under the same id', async () => {
    const listener = await bench.listen(() => 'silence');
    await bench.webhook('hook', listener);
    await bench.ended(101, failed);
    await listener.whenHeard(1);
    await bench.stop();
    await bench.start();
    await listener.whenHeard(2);
    expect(new Set(messagesOf(listener).map(({ id }) => id)).size).toBe(1);
    expect((await bench.desk.get('hook')).lastDelivery).toMatchObject({ state: 'waiting', attempts: 2 });
  });
});

describe('a check', () => {
  it('hears of every backup of its guest, and of nothing else', async () => {
    const listener = await bench.listen();
    await ping(listener, { vmids: [101] });
    const results = [
      { consistency: 'app' },
      { consistency: 'crash' },
      failed,
      { consistency: 'app' },
    ] as const;
    for (const [index, result] of results.entries()) {
      await bench.ended(102, result);
      await bench.ended(101, { ...failed, kind: 'restore' });
      await bench.ended(101, result);
      await listener.whenHeard(index + 1);
      await bench.until(async () => (await bench.desk.get('check')).waiting === 0);
    }
    expect(pathsOf(listener)).toEqual(['/uuid', '/uuid/fail', '/uuid/fail', '/uuid']);
    expect(listener.heard[1]?.body).toContain('Guest 101: its backup is crash, not app\n');
    expect(listener.heard[1]?.body).toContain('What to do next: tacet doctor 101');
  });

  it('of several guests is good while all of them are', async () => {
    const listener = await bench.listen();
    await ping(listener);
    for (const vmid of [101, 102]) await bench.enrol(vmid);
    await bench.ended(101, failed);
    await listener.whenHeard(1);
    await bench.ended(102, { consistency: 'app' });
    await listener.whenHeard(2);
    await bench.ended(101, { consistency: 'app' });
    await listener.whenHeard(3);
    expect(pathsOf(listener)).toEqual(['/uuid/fail', '/uuid/fail', '/uuid']);
    expect(listener.heard[1]?.body).toContain('But the last backup of 101 was not good.');
  });

  it('that could not be reached hears the newest alone', async () => {
    let isUp = false;
    const listener = await bench.listen(() => ({ status: isUp ? 200 : 500 }));
    await ping(listener);
    await bench.ended(101, failed);
    await bench.until(() => bench.outcomes.length === 1);
    isUp = true;
    await bench.ended(101, { consistency: 'app' });
    await bench.until(() => bench.outcomes.includes('check sent'));
    await bench.clock.advance(3_600_000);
    await bench.settled();
    expect(pathsOf(listener)).toEqual(['/uuid/fail', '/uuid']);
    const deliveries = await bench.desk.deliveries('check', 10);
    expect(deliveries.map(({ state, error }) => [state, error])).toEqual(
      expect.arrayContaining([
        ['sent', null],
        ['failed', 'a newer ping goes instead'],
      ]),
    );
  });
});

describe('a channel', () => {
  const secrets = { url: 'https://hooks.example/T0KEN-in-the-path', key: 'the-k3y-of-the-receiver' };

  it('shows none of its secrets, and keeps those that a change leaves out', async () => {
    await bench.put('hook', { kind: 'webhook', secrets });
    await bench.put('hook', { kind: 'webhook', secrets: { key: null }, groupMs: 0 });
    const view = await bench.desk.get('hook');
    expect(view).toMatchObject({ destination: 'https://hooks.example', hasSecrets: ['url'], version: 2 });
    expect(JSON.stringify([view, await bench.desk.list()])).not.toMatch(/T0KEN|k3y-of/);
  });

  it('lies in the store sealed, for its own name alone', async () => {
    await bench.put('hook', { kind: 'webhook', secrets });
    const [stored] = await bench.store.notificationChannels.list(() => undefined);
    expect(stored?.sealed).toMatch(/^tacet-sealed-1\./);
    expect(JSON.stringify(stored)).not.toMatch(/T0KEN|k3y-of/);
    await bench.put('other', { kind: 'webhook', secrets: { url: 'https://other.example/' } });
    if (stored === undefined) throw new Error('it is not stored');
    await bench.store.notificationChannels.reseal('other', stored.sealed);
    await bench.stop();
    await bench.start();
    expect(await bench.desk.get('other')).toMatchObject({ destination: null, hasSecrets: [] });
    expect(await bench.desk.test('other', new AbortController().signal)).toMatchObject({
      delivered: false,
      message: expect.stringContaining('Put it again, with its secrets'),
    });
  });

  it('opens after the key was rotated, and is sealed with the new one', async () => {
    await bench.put('hook', { kind: 'webhook', secrets });
    await bench.stop();
    bench.keys = bench.keys.rotated();
    await bench.start();
    expect((await bench.desk.get('hook')).hasSecrets).toEqual(['key', 'url']);
    const [stored] = await bench.store.notificationChannels.list(() => undefined);
    expect(stored?.sealed).toContain(bench.keys.ids[0]);
    await bench.stop();
    bench.keys = KeyRing.create();
    await bench.start();
    expect((await bench.desk.get('hook')).hasSecrets).toEqual([]);
  });

  it('does not show to another server what it knew', async () => {
    await bench.put('push', {
      kind: 'gotify',
      server: 'https://one.example',
      secrets: { token: 'Geheim.1' },
    });
    await bench.put('push', { kind: 'gotify', server: 'https://one.example', groupMs: 0 });
    await expect(bench.put('push', { kind: 'gotify', server: 'https://evil.example' })).rejects.toMatchObject(
      {
        code: 'invalid-input',
        hint: expect.stringContaining('give it again'),
      },
    );
    const mail = { kind: 'email', host: 'mail.example', port: 587, from: 'a@b.example', to: ['a@b.example'] };
    await bench.put('mail', { ...mail, username: 'a', secrets: { password: 'Geheim.2' } });
    await expect(bench.put('mail', { ...mail, host: 'evil.example', username: 'a' })).rejects.toMatchObject({
      code: 'invalid-input',
    });
    await bench.put('mail', { ...mail, host: 'evil.example' });
    expect((await bench.desk.get('mail')).hasSecrets).toEqual([]);
  });

  it.each([
    [{ kind: 'webhook' }, 'secrets.url'],
    [{ kind: 'ntfy', server: 'https://ntfy.example' }, 'secrets.topic'],
    [{ kind: 'ping' }, 'secrets.url'],
  ])('%o lacks something', async (channel, what) => {
    await expect(bench.put('new', channel)).rejects.toMatchObject({ message: expect.stringContaining(what) });
  });

  it('is changed by one at a time, and gone when it is deleted', async () => {
    const listener = await bench.listen(() => 'silence');
    await bench.webhook('hook', listener);
    await bench.ended(101, failed);
    await listener.whenHeard(1);
    await expect(bench.desk.delete('hook', 7)).rejects.toMatchObject({ code: 'conflict' });
    await bench.desk.delete('hook', 1);
    await expect(bench.desk.get('hook')).rejects.toMatchObject({ code: 'not-found' });
    await bench.ended(101, failed);
    await bench.settled();
    expect(listener.heard).toHaveLength(1);
    await bench.webhook('hook', listener);
    expect(await bench.desk.get('hook')).toMatchObject({ version: 1, waiting: 0, lastDelivery: null });
  });

  it('is tested at once, also where it is disabled', async () => {
    const listener = await bench.listen(({ path }: Heard) => ({
      status: path === '/wrong' ? 404 : 200,
      body: 'ok',
    }));
    await bench.webhook('hook', listener, { enabled: false });
    const { signal } = new AbortController();
    expect(await bench.desk.test('hook', signal)).toMatchObject({ delivered: true, message: '200 ok' });
    const [message] = messagesOf(listener);
    expect(message).toMatchObject({ kind: 'test', title: 'Tacet: a test', notices: [] });
    await bench.put('hook', { kind: 'webhook', secrets: { url: `${listener.url}/wrong` } });
    const wrong = await bench.desk.test('hook', signal);
    expect(wrong).toMatchObject({ delivered: false, message: expect.stringContaining('answered 404: ok') });
  });
});

it('says nothing that is secret in its log, whatever happens', async () => {
  const secrets = { url: '/T0KEN-in-the-path', key: 'the-k3y-of-the-receiver' };
  const listener = await bench.listen(({ path }) => ({ status: 500, body: `no ${path} ${secrets.key}` }));
  await bench.put('hook', {
    kind: 'webhook',
    secrets: { ...secrets, url: listener.url + secrets.url },
    groupMs: 0,
  });
  await bench.ended(101, failed);
  await bench.until(() => bench.outcomes.length === 2, 1_000);
  await bench.desk.test('hook', new AbortController().signal);
  const said = JSON.stringify(bench.log);
  expect(said).toContain('a notification was not delivered');
  expect(said).not.toMatch(/T0KEN|k3y-of/);
  expect(JSON.stringify(await bench.desk.deliveries('hook', 10))).not.toMatch(/T0KEN|k3y-of/);
  await bench.stop();
  const file = await readFile(bench.path, 'latin1');
  expect(file).toContain('operation-failed');
  expect(file).not.toMatch(/T0KEN|k3y-of/);
  await bench.start();
});
