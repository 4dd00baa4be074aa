import { createServer } from 'node:net';
import { once } from 'node:events';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { connect } from './client.ts';
import { UnreachableError } from './errors.ts';
import { type Reply, startServer, strangersTrust, type TestServer, TOKEN } from './testing/https-server.ts';
import type { Trust } from './trust.ts';

const version = (): Reply => ({ body: { data: { version: '9.2.11', release: '9.2' } } });

afterEach(() => vi.unstubAllEnvs());

/** Tries a read and a change, and tells what came of it at both ends. */
async function attempt(server: TestServer, trust: Trust): Promise<unknown> {
  await using client = server.client({ trust });
  const backup = { vmid: 101, storage: 'local', mode: 'snapshot' } as const;
  const [read, change] = await Promise.allSettled([
    client.cluster.version(),
    client.vzdump.start('pve1', backup),
  ]);
  return { read, change, requests: server.asked.length, receivedBytes: server.receivedBytes() };
}

const rejectedUnseen = {
  status: 'rejected',
  reason: expect.objectContaining({ code: 'pve-untrusted', mayHaveStarted: false, retryable: false }),
};
const NOTHING_REACHED = { read: rejectedUnseen, change: rejectedUnseen, requests: 0, receivedBytes: 0 };

describe('trusting a node', () => {
  it('accepts the certificate of the given CA', async () => {
    await using server = await startServer(version);
    await using client = server.client({ trust: { ca: server.ca } });
    await expect(client.cluster.version()).resolves.toEqual({ version: '9.2.11', release: '9.2' });
    expect(server.receivedBytes()).toBeGreaterThan(0);
  });

  it('accepts the pinned certificate however its fingerprint is written, and whatever name it bears', async () => {
    await using server = await startServer(version, { certifiedFor: 'another.example' });
    for (const fingerprint of [
      server.fingerprint,
      server.fingerprint.toLowerCase(),
      server.fingerprint.replaceAll(':', ''),
    ]) {
      await using client = server.client({ trust: { fingerprint } });
      await expect(client.cluster.version()).resolves.toMatchObject({ release: '9.2' });
    }
  });

  it('verifies every new connection, not only the first', async () => {
    await using server = await startServer(version);
    await using client = server.client({ trust: { fingerprint: server.fingerprint } });
    const all = Array.from({ length: 6 }, () => client.cluster.version());
    await expect(Promise.all(all)).resolves.toHaveLength(6);
  });
});

describe('a server that cannot be trusted never sees a request or the secret', () => {
  it('when its certificate is not the pinned one', async () => {
    await using server = await startServer(version);
    expect(await attempt(server, (await strangersTrust()).fingerprint)).toEqual(NOTHING_REACHED);
  });

  it('when its certificate is of another CA', async () => {
    await using server = await startServer(version);
    expect(await attempt(server, (await strangersTrust()).ca)).toEqual(NOTHING_REACHED);
  });

  it('when its certificate is for another name', async () => {
    await using server = await startServer(version, { certifiedFor: 'another.example' });
    expect(await attempt(server, { ca: server.ca })).toEqual(NOTHING_REACHED);
  });

  it('when it is self-signed and a public certificate is expected', async () => {
    await using server = await startServer(version);
    expect(await attempt(server, { ca: 'system' })).toEqual(NOTHING_REACHED);
  });

  it('even with NODE_TLS_REJECT_UNAUTHORIZED=0', async () => {
    vi.stubEnv('NODE_TLS_REJECT_UNAUTHORIZED', '0');
    await using server = await startServer(version);
    expect(await attempt(server, (await strangersTrust()).ca)).toEqual(NOTHING_REACHED);
    expect(await attempt(server, (await strangersTrust()).fingerprint)).toEqual(NOTHING_REACHED);
  });

  it('when it does not speak TLS', async () => {
    let received = '';
    const plain = createServer((socket) => {
      socket.on('data', (chunk) => (received += chunk.toString('latin1')));
      socket.end('HTTP/1.1 200 OK\r\ncontent-length: 11\r\n\r\n{"data":{}}');
    });
    plain.listen(0, '127.0.0.1');
    await once(plain, 'listening');
    const address = plain.address();
    if (address === null || typeof address === 'string') throw new Error('not listening on a port');
    const url = `https://127.0.0.1:${address.port}`;
    await using client = connect({ url, token: TOKEN, trust: { ca: 'system' } });
    await expect(client.cluster.version()).rejects.toBeInstanceOf(UnreachableError);
    expect(received).not.toContain(TOKEN.secret);
    expect(received).not.toContain('GET');
    plain.close();
  });
});

describe('options that would not verify are refused', () => {
  const bad: [string, Record<string, unknown>][] = [
    ['plain http', { url: 'http://pve1:8006' }],
    ['no trust', { trust: undefined }],
    ['an empty CA', { trust: { ca: '' } }],
    [
      'a SHA-1 fingerprint',
      { trust: { fingerprint: 'AA:BB:CC:DD:EE:FF:00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD' } },
    ],
    ['an insecure flag', { trust: { ca: 'system', rejectUnauthorized: false } }],
    ['a secret that would break the header', { token: { id: TOKEN.id, secret: 'abc\r\nX: top-secret' } }],
    ['a token id without its user', { token: { id: 'mytoken', secret: TOKEN.secret } }],
  ];

  it.each(bad)('%s', (_what, change) => {
    const options = { url: 'https://pve1:8006', token: TOKEN, trust: { ca: 'system' }, ...change };
    const attempt = (): unknown => Reflect.apply(connect, undefined, [options]);
    expect(attempt).toThrow(expect.objectContaining({ code: 'pve-bad-connection' }));
    expect(attempt).not.toThrow(/top-secret|5ec2e7aa/);
  });
});
