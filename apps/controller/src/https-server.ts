import { once } from 'node:events';
import { createServer, Server } from 'node:https';
import { createAdaptorServer } from '@hono/node-server';
import type { Certificate } from './tls/certificate.ts';

type Fetch = (request: Request) => Response | Promise<Response>;

/** One server for the API and for agents; it does not listen yet. */
export function createHttpsServer({ key, cert }: Certificate, fetch: Fetch): Server {
  const server = createAdaptorServer({
    fetch,
    createServer,
    serverOptions: { key, cert, minVersion: 'TLSv1.2', headersTimeout: 15_000, requestTimeout: 60_000 },
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
