import { randomBytes } from 'node:crypto';
import type { Accounts } from './accounts.ts';

/** A refusal: its reason goes into the status line, the body stays empty. */
export class Unauthenticated extends Error {
  override name = 'Unauthenticated';
}

interface Ticket {
  readonly userid: string;
  readonly csrfToken: string;
}

/** Tokens and tickets. Every refusal but a missing credential reads the same, whatever was wrong. */
export class Authenticator {
  readonly #accounts: Accounts;
  readonly #tickets = new Map<string, Ticket>();

  constructor(accounts: Accounts) {
    this.#accounts = accounts;
  }

  /** Two hours of validity are not simulated: a ticket holds as long as the simulator. */
  issueTicket(userid: string): { readonly ticket: string; readonly csrfToken: string } {
    const ticket = `PVE:${userid}:${randomBytes(4).toString('hex').toUpperCase()}::${randomBytes(48).toString('base64')}`;
    const csrfToken = `${Date.now().toString(16).toUpperCase()}:${randomBytes(24).toString('base64')}`;
    this.#tickets.set(ticket, { userid, csrfToken });
    return { ticket, csrfToken };
  }

  /** The caller's id. Throws `Unauthenticated`. */
  authenticate(method: string, headers: Headers, nowSeconds: number): string {
    const authorization = headers.get('authorization') ?? '';
    const apiToken = /^PVEAPIToken[= ](.*)$/.exec(authorization)?.[1];
    if (apiToken !== undefined) return this.#byToken(apiToken, nowSeconds);
    const cookie = /(?:^|;\s*)PVEAuthCookie=([^;]*)/.exec(headers.get('cookie') ?? '')?.[1];
    if (cookie === undefined) throw new Unauthenticated('No ticket');
    const ticket = this.#tickets.get(decodeURIComponent(cookie));
    if (ticket === undefined) throw new Unauthenticated('Authentication failed!');
    if (method !== 'GET' && headers.get('csrfpreventiontoken') !== ticket.csrfToken) {
      throw new Unauthenticated('Permission denied - invalid csrf token');
    }
    return ticket.userid;
  }

  #byToken(text: string, nowSeconds: number): string {
    const match = /^([^\s!:=]+@[^\s!:=]+)!([A-Za-z][A-Za-z0-9._-]+)=(.+)$/.exec(text);
    const caller =
      match?.[1] === undefined || match[2] === undefined || match[3] === undefined
        ? undefined
        : this.#accounts.authenticate(match[1], match[2], match[3], nowSeconds);
    if (caller === undefined) throw new Unauthenticated('Authentication failed!');
    return caller;
  }
}
