import * as z from 'zod';
import { badConnection } from './bad-connection.ts';

/** By what a caller proves who it is, request by request. */
export interface Credentials {
  headersOf(request: { readonly changes: boolean }): Readonly<Record<string, string>>;
  /** Random: taken out of whatever a server answers. */
  readonly secrets: readonly string[];
  /** Chosen by people, and so perhaps part of any answer: taken out of what goes into an error. */
  readonly typed: readonly string[];
}

const tokenSchema = z.object({
  id: z.string().regex(/^[^\s@!=]+@[^\s@!=]+![^\s@!=]+$/, 'a token id looks like user@realm!name'),
  secret: z.string().regex(/^[\w-]+$/, 'not a token secret'),
});
export type Token = z.input<typeof tokenSchema>;

/** @throws TacetError `pve-bad-connection` */
export function tokenCredentials(token: Token): Credentials {
  const parsed = tokenSchema.safeParse(token);
  if (!parsed.success) throw badConnection(parsed.error, 'token');
  const { id, secret } = parsed.data;
  const headers = { authorization: `PVEAPIToken=${id}=${secret}` };
  return { headersOf: () => headers, secrets: [secret], typed: [] };
}

/** A login's: good for two hours, and with the second token for changes too. */
export function ticketCredentials({ ticket, csrfToken }: { ticket: string; csrfToken: string }): Credentials {
  const cookie = `PVEAuthCookie=${encodeURIComponent(ticket)}`;
  return {
    headersOf: ({ changes }) => (changes ? { cookie, CSRFPreventionToken: csrfToken } : { cookie }),
    secrets: [ticket, encodeURIComponent(ticket), csrfToken],
    typed: [],
  };
}

/** Of somebody who has none yet, and sends what was typed to get them. */
export function noCredentials(typed: readonly string[]): Credentials {
  return { headersOf: () => ({}), secrets: [], typed };
}
