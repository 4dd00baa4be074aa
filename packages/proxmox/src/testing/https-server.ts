import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http';
import { createServer, type Server } from 'node:https';
import { text } from 'node:stream/consumers';
import type { TLSSocket } from 'node:tls';
import { generate } from 'selfsigned';
import { connect, type ProxmoxClient } from '../client.ts';
import type { ConnectionOptions } from '../transport.ts';
import type { Trust } from '../trust.ts';

export const TOKEN = { id: 'tester@pve!unit', secret: '5ec2e7aa-0000-4000-8000-000000000001' };

export interface Asked {
  readonly method: string;
  /** Below `/api2/json`, still escaped, with the query. */
  readonly path: string;
  readonly authorization: string | undefined;
  readonly params: Record<string, string>;
}

/** `body` is sent as JSON unless it is a string. `hang-up` cuts the connection, `silence` never answers. */
export type Reply = { status?: number; reason?: string; body?: unknown } | 'hang-up' | 'silence';

export interface TestServer extends AsyncDisposable {
  readonly url: string;
  /** The certificate, which is its own CA. */
  readonly ca: string;
  /** As Proxmox shows it. */
  readonly fingerprint: string;
  readonly asked: Asked[];
  /** Of each that was asked, in the same order. */
  readonly headers: IncomingHttpHeaders[];
  /** Decrypted bytes that reached the server, whatever they were. */
  readonly receivedBytes: () => number;
  client(options?: Partial<ConnectionOptions>): ProxmoxClient;
}

/** A TLS server on the loopback with a fresh certificate, for the name or address given. */
export async function startServer(
  reply: (asked: Asked) => Reply,
  { certifiedFor = '127.0.0.1' } = {},
): Promise<TestServer> {
  const { cert, private: key, fingerprint } = await certificate(certifiedFor);
  const asked: Asked[] = [];
  const headers: IncomingHttpHeaders[] = [];
  let receivedBytes = 0;

  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const url = new URL(request.url ?? '/', 'https://test');
    const form = new URLSearchParams(await text(request));
    const one: Asked = {
      method: request.method ?? '',
      path: url.pathname.replace('/api2/json', ''),
      authorization: request.headers.authorization,
      params: Object.fromEntries([...url.searchParams, ...form]),
    };
    asked.push(one);
    headers.push(request.headers);
    const said = reply(one);
    if (said === 'hang-up') request.socket.destroy();
    if (said === 'hang-up' || said === 'silence') return;
    const { status = 200, reason = '', body } = said;
    response.writeHead(status, reason, { 'content-type': 'application/json;charset=UTF-8' });
    response.end(body === undefined || typeof body === 'string' ? body : JSON.stringify(body));
  };

  const server = createServer({ cert, key }, (request, response) => void answer(request, response));
  server.on('secureConnection', (socket: TLSSocket) => {
    socket.on('data', (chunk: Buffer) => (receivedBytes += chunk.byteLength));
  });
  server.on('tlsClientError', () => undefined); // a client that refuses the certificate hangs up
  const url = await listen(server);

  return {
    url,
    ca: cert,
    fingerprint,
    asked,
    headers,
    receivedBytes: () => receivedBytes,
    client: (options = {}) => connect({ url, token: TOKEN, trust: { ca: cert }, ...options }),
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

async function listen(server: Server): Promise<string> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('not listening on a port');
  return `https://127.0.0.1:${address.port}`;
}

async function certificate(name: string): Promise<{ cert: string; private: string; fingerprint: string }> {
  const altName = /^[\d.]+$/.test(name)
    ? ({ type: 7, ip: name } as const)
    : ({ type: 2, value: name } as const);
  const made = await generate([{ name: 'commonName', value: name }], {
    keyType: 'ec',
    extensions: [
      { name: 'basicConstraints', cA: true, critical: true },
      { name: 'subjectAltName', altNames: [altName] },
    ],
  });
  const { fingerprint256 } = new X509Certificate(made.cert);
  return { cert: made.cert, private: made.private, fingerprint: fingerprint256 };
}

/** Trust in some other server. */
export async function strangersTrust(): Promise<{ ca: Trust; fingerprint: Trust }> {
  const { cert, fingerprint } = await certificate('127.0.0.1');
  return { ca: { ca: cert }, fingerprint: { fingerprint } };
}
