import { once } from 'node:events';
import { createServer, Server } from 'node:https';
import type { SecureContext } from 'node:tls';
import { createAdaptorServer } from '@hono/node-server';
import type { Certificate } from './tls/certificate.ts';

type Fetch = (request: Request, environment: object) => Response | Promise<Response>;

/** Another certificate for some names; undefined for all others. */
type ContextFor = (name: string) => Promise<SecureContext | undefined>;

/** One server for the API and for agents; it does not listen yet. */
export function createHttpsServer({ key, cert }: Certificate, fetch: Fetch, contextFor?: ContextFor): Server {
  const SNICallback = contextFor && {
    SNICallback: (name: string, answer: (error: Error | null, context?: SecureContext) => void): void => {
      contextFor(name).then((context) => answer(null, context), answer);
    },
  };
  const server = createAdaptorServer({
    fetch,
    createServer,
    serverOptions: {
      key,
      cert,
      minVersion: 'TLSv1.2',
      headersTimeout: 15_000,
      requestTimeout: 60_000,
      ...SNICallback,
    },
  });
  if (server instanceof Server) return server;
  throw new TypeError('the adaptor did not use the createServer that it was given');
}

/** @returns the port; another than was asked for where that was 0. */
export async function listen(server: Server, where: { address: string; port: number }): Promise<number> {
  server.listen(where.port, where.address);
  await once(server, 'listening');
  const bound = server.address();
  if (bound === null || typeof bound === 'string') throw new TypeError('the server is not bound to TCP');
  return bound.port;
}

export async function closeServer(server: Server): Promise<void> {
  if (!server.listening) return;
  const closed = once(server, 'close');
  server.close();
  server.closeAllConnections();
  await closed;
}
