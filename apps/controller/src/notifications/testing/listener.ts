import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import { text } from 'node:stream/consumers';
import { generate } from 'selfsigned';

export interface Heard {
  readonly method: string;
  /** With its query. */
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** `silence` never answers. */
export type Reply = { status?: number; headers?: Record<string, string>; body?: string } | 'silence';

export interface Listener extends AsyncDisposable {
  readonly url: string;
  readonly heard: Heard[];
  /** Resolves when so many were heard. */
  whenHeard(count: number): Promise<Heard[]>;
}

export interface Identity {
  readonly cert: string;
  readonly key: string;
  readonly fingerprint: string;
}

/** A certificate that is its own authority. */
export async function identityFor(name: string): Promise<Identity> {
  const altName = /^[\d.]+$/.test(name)
    ? ({ type: 7, ip: name } as const)
    : ({ type: 2, value: name } as const);
  const { cert, private: key } = await generate([{ name: 'commonName', value: name }], {
    keyType: 'ec',
    extensions: [
      { name: 'basicConstraints', cA: true, critical: true },
      { name: 'subjectAltName', altNames: [altName] },
    ],
  });
  return { cert, key, fingerprint: new X509Certificate(cert).fingerprint256 };
}

/** A real HTTP server on the loopback; with an identity it speaks TLS. */
export async function listen(
  reply: (heard: Heard) => Reply = () => ({}),
  identity?: Identity,
): Promise<Listener> {
  const heard: Heard[] = [];
  const watchers = new Set<() => void>();
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const one: Heard = {
      method: request.method ?? '',
      path: request.url ?? '',
      headers: request.headers,
      body: await text(request),
    };
    heard.push(one);
    for (const watcher of watchers) watcher();
    const said = reply(one);
    if (said === 'silence') return;
    response.writeHead(said.status ?? 200, said.headers ?? {});
    response.end(said.body ?? '');
  };
  const handle = (request: IncomingMessage, response: ServerResponse): void => void answer(request, response);
  const server = identity === undefined ? createServer(handle) : createHttpsServer(identity, handle);
  server.on('tlsClientError', () => undefined); // whoever refuses the certificate hangs up
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('not listening on a port');
  return {
    url: `${identity === undefined ? 'http' : 'https'}://127.0.0.1:${address.port}`,
    heard,
    async whenHeard(count) {
      while (heard.length < count) {
        const { promise, resolve } = Promise.withResolvers<void>();
        watchers.add(resolve);
        await promise;
        watchers.delete(resolve);
      }
      return heard;
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

/** A port of the loopback at which nobody listens. */
export async function deadUrl(): Promise<string> {
  const listener = await listen();
  const { url } = listener;
  await listener[Symbol.asyncDispose]();
  return url;
}
