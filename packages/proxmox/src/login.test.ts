import { describeError, serializeError } from '@tacet/runtime';
import { describe, expect, it } from 'vitest';
import { ProxmoxError, UnauthorizedError } from './errors.ts';
import { logIn, type LoginOptions } from './login.ts';
import {
  type Asked,
  type Reply,
  startServer,
  strangersTrust,
  type TestServer,
} from './testing/https-server.ts';
import { recording } from './testing/recordings.ts';

const PASSWORD = 'korrekt pferd+batterie&=';
const TICKET = 'PVE:root@pam:6B02F7BA::kQ+/3w==';
const CHALLENGE = `PVE:!tfa!${encodeURIComponent('{"totp":true,"recovery":"available"}')}:6B02F7BA::x+/y==`;
const CSRF = '6B02F7BA:c2lnbmVk';

const login = (server: TestServer, more: Partial<LoginOptions> = {}) =>
  logIn({
    url: server.url,
    trust: { ca: server.ca },
    userId: 'root@pam',
    password: PASSWORD,
    totp: () => Promise.reject(new Error('nobody asked for it')),
    signal: new AbortController().signal,
    ...more,
  });

const ticket = (ticket: string, more: object = {}): Reply => ({
  body: { data: { username: 'root@pam', ticket, CSRFPreventionToken: CSRF, ...more } },
});

const refusedLogin: Reply = (({ status, reason, body }) => ({ status, reason, body }))(
  recording('POST', /^\/access\/ticket$/, 401),
);

/** A user whose second factor is 123456. */
const withTotp = ({ params }: Asked): Reply => {
  if (params['tfa-challenge'] === undefined) return ticket(CHALLENGE, { NeedTFA: 1 });
  const right = params['tfa-challenge'] === CHALLENGE && params['password'] === 'totp:123456';
  return right ? ticket(TICKET) : refusedLogin;
};

async function failure(promise: Promise<unknown>): Promise<ProxmoxError> {
  const error = await promise.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (error instanceof ProxmoxError) return error;
  throw new Error(`expected a ProxmoxError, got ${String(error)}`);
}

describe('a login', () => {
  it('understands the recorded answer', async () => {
    const { body } = recording('POST', /^\/access\/ticket$/);
    await using server = await startServer(() => ({ body }));
    await using _client = await login(server);
    expect(server.asked).toEqual([
      expect.objectContaining({
        method: 'POST',
        path: '/access/ticket',
        authorization: undefined,
        params: { username: 'root@pam', password: PASSWORD },
      }),
    ]);
  });

  it('shows its ticket with every request, and the second token with changes alone', async () => {
    await using server = await startServer(({ path }) =>
      path === '/access/ticket' ? ticket(TICKET) : { body: { data: path === '/nodes' ? [] : null } },
    );
    await using client = await login(server);
    await client.cluster.nodes();
    await client.access.createUser('a@pve');
    const [, reading, changing] = server.headers;
    const cookie = `PVEAuthCookie=${encodeURIComponent(TICKET)}`;
    expect(reading).toMatchObject({ cookie });
    expect(reading).not.toHaveProperty('csrfpreventiontoken');
    expect(changing).toMatchObject({ cookie, csrfpreventiontoken: CSRF });
  });

  it('answers a challenge with the code of the second factor', async () => {
    await using server = await startServer(withTotp);
    await using _client = await login(server, { totp: () => Promise.resolve('123 456') });
    expect(server.asked[1]?.params).toEqual({
      username: 'root@pam',
      password: 'totp:123456',
      'tfa-challenge': CHALLENGE,
    });
  });

  it('says which of the two was wrong', async () => {
    await using server = await startServer(withTotp);
    const wrongCode = await failure(login(server, { totp: () => Promise.resolve('654321') }));
    expect(wrongCode).toMatchObject({ message: 'the second factor was refused' });
    await using other = await startServer(() => refusedLogin);
    const wrongPassword = await failure(login(other));
    expect(wrongPassword).toBeInstanceOf(UnauthorizedError);
    expect(wrongPassword).toMatchObject({
      message: 'the login was refused',
      hint: expect.stringContaining('realm'),
    });
    expect(other.asked).toHaveLength(1);
  });

  it('does not ask for a code that the user cannot have', async () => {
    const challenge = `PVE:!tfa!${encodeURIComponent('{"webauthn":{"x":1}}')}:6B02F7BA::x`;
    await using server = await startServer(() => ticket(challenge, { NeedTFA: 1 }));
    expect(await failure(login(server))).toMatchObject({
      message: 'root@pam has a second factor, but no TOTP',
    });
  });

  it('is tried again when the daemon hangs up on it, and not when nobody is there', async () => {
    let calls = 0;
    await using server = await startServer(() => {
      calls += 1;
      return calls === 1 ? 'hang-up' : ticket(TICKET);
    });
    await using _client = await login(server);
    expect(calls).toBe(2);

    const gone = await startServer(() => ({}));
    await gone[Symbol.asyncDispose]();
    expect(await failure(login(gone))).toMatchObject({ code: 'pve-unreachable', mayHaveStarted: false });
  });

  it('sends no password to a server that is not the trusted one', async () => {
    await using server = await startServer(() => ticket(TICKET));
    expect(await failure(login(server, { trust: (await strangersTrust()).ca }))).toMatchObject({
      code: 'pve-untrusted',
    });
    expect(server.receivedBytes()).toBe(0);
  });
});

describe('password, code, challenge and ticket', () => {
  const echoes: [string, (asked: Asked) => Reply][] = [
    ['in the reason', ({ params }) => ({ status: 500, reason: JSON.stringify(params), body: '' })],
    ['in the message', ({ params }) => ({ status: 500, body: { message: JSON.stringify(params) } })],
    ['in an answer that cannot be read', ({ params }) => ({ body: `{"data": ${JSON.stringify(params)}` })],
    ['as a ticket of another shape', ({ params }) => ({ body: { data: { ticket: params } } })],
    [
      'on the second step',
      (asked) =>
        asked.params['tfa-challenge'] === undefined
          ? withTotp(asked)
          : {
              status: 500,
              body: { message: `${asked.params['password']} ${asked.params['tfa-challenge']}` },
            },
    ],
  ];

  it.each(echoes)('are in no error when a server echoes them %s', async (_, reply) => {
    await using server = await startServer(reply);
    const error = await failure(login(server, { totp: () => Promise.resolve('314159') }));
    const said = JSON.stringify(serializeError(error)) + describeError(error);
    for (const secret of [PASSWORD, '314159', CHALLENGE]) expect(said).not.toContain(secret);
  });

  it('are in no error of what the client asks afterwards', async () => {
    await using server = await startServer(({ path }) =>
      path === '/access/ticket' ? ticket(TICKET) : { status: 500, body: { message: `${TICKET} ${CSRF}` } },
    );
    await using client = await login(server);
    const error = await failure(client.access.createUser('a@pve'));
    expect(error.message).toContain('[redacted] [redacted]');
    expect(JSON.stringify(serializeError(error))).not.toContain(CSRF);
  });
});

it('a password that is part of every answer does no harm', async () => {
  await using server = await startServer(() => ticket(TICKET));
  await using _client = await login(server, { password: 'data' });
  expect(server.asked).toHaveLength(1);
});
