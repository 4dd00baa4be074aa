import type { BlockList } from 'node:net';
import type { Context } from 'hono';
import { z } from 'zod';
import { clientAddress } from '../access/client-address.ts';
import type { Principal } from '../access/principal.ts';

declare module 'hono' {
  interface ContextVariableMap {
    /** Who asks; not set where nobody has to be known. */
    principal: Principal | undefined;
    /** Where the request comes from, behind proxies that are trusted. */
    address: string;
    /** For the audit log: what the request is about, where its path does not say so. */
    auditSubject: string | undefined;
  }
}

/** What the adaptor hands over beside the request; absent where the API is called within the process. */
const environmentSchema = z.object({
  incoming: z.object({ socket: z.object({ remoteAddress: z.string().optional() }) }),
});

export function addressOf(c: Context, trusted: BlockList): string {
  const environment = environmentSchema.safeParse(c.env);
  const peer = environment.data?.incoming.socket.remoteAddress;
  return clientAddress(peer, c.req.header('X-Forwarded-For'), trusted);
}
