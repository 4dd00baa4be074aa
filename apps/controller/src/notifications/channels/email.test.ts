import { type Channel, channelSchema, type NotificationMessage } from '@tacet/protocol';
import { systemClock, Undo } from '@tacet/runtime';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type Identity, identityFor } from '../testing/listener.ts';
import { type MailServer, openMailServer } from '../testing/mail-server.ts';
import type { Secrets } from './secrets.ts';
import { sendMessage } from './send.ts';
import { Undelivered } from './undelivered.ts';

const message: NotificationMessage = {
  version: 1,
  id: '4a0e1bb2-6f0e-4b4e-8a52-2d6f6b9c3f10',
  kind: 'backup-overdue',
  resolved: false,
  at: 1_790_000_000_000,
  title: 'Guest 101: its backup is overdue',
  text: 'Guest 101 should have a newer backup.\nWhat to do next: tacet backup 101',
  notices: [],
};
const user = 'tacet';
const password = 'ein langes passwort 31337';

let undo = new Undo();
let identity: Identity;
beforeAll(async () => {
  identity = await identityFor('127.0.0.1');
});
afterEach(async () => {
  await undo[Symbol.asyncDispose]();
  undo = new Undo();
});

async function open(options: Parameters<typeof openMailServer>[0]): Promise<MailServer> {
  const server = await openMailServer(options);
  undo.defer(() => server[Symbol.asyncDispose]());
  return server;
}

function channelTo(port: number, more: object = {}): Channel {
  return channelSchema.parse({
    kind: 'email',
    host: '127.0.0.1',
    port,
    from: 'tacet@house.example',
    to: ['anna@house.example', 'ben@house.example'],
    ...more,
  });
}

const send = (channel: Channel, secrets: Secrets = {}, timeoutMs = 10_000) =>
  sendMessage(channel, secrets, message, {
    clock: systemClock,
    version: '1.2.3',
    timeoutMs,
    signal: new AbortController().signal,
  });

async function failureOf(sending: Promise<unknown>): Promise<Undelivered> {
  const error: unknown = await sending.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (error instanceof Undelivered) return error;
  throw new Error('it was delivered, or failed in another way', { cause: error });
}

function wordsOf(error: Undelivered): string {
  return `${error.message} ${error.cause instanceof Error ? error.cause.message : ''} ${error.hint ?? ''}`;
}

const refusing = (responseCode: number) =>
  open({
    more: {
      onRcptTo: (_address, _session, callback) =>
        callback(Object.assign(new Error('not now'), { responseCode })),
    },
  });

describe('mail', () => {
  it.each(['starttls', 'tls'] as const)('goes over %s, after its name and password', async (security) => {
    const server = await open({ identity, user, password, implicit: security === 'tls' });
    const channel = channelTo(server.port, { security, username: user, trust: { ca: identity.cert } });
    expect(await send(channel, { password })).toContain('250');
    expect(server.mails).toMatchObject([
      { from: 'tacet@house.example', to: ['anna@house.example', 'ben@house.example'], secure: true, user },
    ]);
    const source = server.mails[0]?.source ?? '';
    expect(source).toContain('Subject: Guest 101: its backup is overdue');
    expect(source).toContain(`Message-ID: <${message.id}@house.example>`);
    expect(source).toContain('Auto-Submitted: auto-generated');
    expect(source).toContain('What to do next: tacet backup 101');
    expect(server.shown).toEqual([{ password, secure: true }]);
  });

  it('goes to a relay that asks for nothing', async () => {
    const server = await open({});
    await send(channelTo(server.port, { security: 'none' }));
    expect(server.mails).toMatchObject([{ secure: false, user: undefined }]);
  });

  it('with a wrong password is refused, and the answer that repeats it is not', async () => {
    const server = await open({ identity, user, password });
    const channel = channelTo(server.port, { username: user, trust: { ca: identity.cert } });
    const wrong = 'ein falsches passwort 4711';
    const error = await failureOf(send(channel, { password: wrong }));
    expect(error).toMatchObject({ refused: true });
    expect(wordsOf(error)).toContain('refuses the name or the password');
    expect(wordsOf(error)).not.toContain(wrong);
    expect(server.mails).toEqual([]);
  });

  it('shows no password to a server that nobody knows, or to one for another name', async () => {
    const server = await open({ identity, user, password });
    const unknown = await failureOf(send(channelTo(server.port, { username: user }), { password }));
    expect(unknown).toMatchObject({ refused: true, hint: expect.stringContaining('`trust`') });
    expect(unknown.message).toContain('is not trusted');
    const other = await identityFor('mail.example');
    const renamed = await open({ identity: other, user, password });
    const channel = channelTo(renamed.port, { username: user, trust: { ca: other.cert } });
    expect((await failureOf(send(channel, { password }))).message).toContain('is not trusted');
    expect([...server.shown, ...renamed.shown]).toEqual([]);
  });

  it('shows no password over a line that was to be encrypted and is not', async () => {
    const server = await open({
      user,
      password,
      more: { disabledCommands: ['STARTTLS'], allowInsecureAuth: true },
    });
    const error = await failureOf(send(channelTo(server.port, { username: user }), { password }));
    expect(error.refused).toBe(true);
    expect(server.shown).toEqual([]);
  });

  it('is tried again where nobody listens, and where nobody speaks', async () => {
    const gone = await openMailServer({});
    await gone[Symbol.asyncDispose]();
    expect(await failureOf(send(channelTo(gone.port, { security: 'none' })))).toMatchObject({
      refused: false,
    });
    const silent = await open({ more: { onConnect: () => undefined } });
    const error = await failureOf(send(channelTo(silent.port, { security: 'none' }), {}, 200));
    expect(error).toMatchObject({ refused: false });
  });

  it('is tried again after 4xx, and waits for somebody after 5xx', async () => {
    const send4xx = send(channelTo((await refusing(450)).port, { security: 'none' }));
    expect(await failureOf(send4xx)).toMatchObject({ refused: false });
    const send5xx = send(channelTo((await refusing(550)).port, { security: 'none' }));
    expect(await failureOf(send5xx)).toMatchObject({ refused: true });
  });
});
