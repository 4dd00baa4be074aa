import { retry } from '@tacet/runtime';
import * as z from 'zod';
import { clientOver, type ProxmoxClient } from './client.ts';
import { noCredentials, ticketCredentials } from './credentials.ts';
import { UnauthorizedError, UnreachableError } from './errors.ts';
import { type CallOptions, type EndpointOptions, openTransport, type Transport } from './transport.ts';
import { flag } from './values.ts';

export interface LoginOptions extends EndpointOptions {
  /** `root@pam` */
  readonly userId: string;
  readonly password: string;
  /** Asked when the node wants a second factor: the six digits of now. */
  readonly totp: () => Promise<string>;
  readonly signal: AbortSignal;
}

const answerSchema = z.object({
  username: z.string(),
  ticket: z.string().min(1),
  CSRFPreventionToken: z.string().min(1),
  NeedTFA: flag.default(false),
});
type Answer = z.output<typeof answerSchema>;

/** The first request that a worker of the daemon gets after a login can go unanswered (seen on 9.2). */
const ATTEMPTS = 3;

/**
 * A client that acts as a person, for as long as its ticket is good: two hours. Neither password nor ticket is
 * kept anywhere else. The server is verified before the password is sent to it.
 *
 * A second factor is answered as Proxmox VE 7 and later ask for it: the first answer is a challenge, and comes
 * back in `tfa-challenge` together with the code (code of PVE::API2::AccessControl).
 * @throws UnauthorizedError for wrong credentials, and for a second factor other than TOTP
 */
export async function logIn(options: LoginOptions): Promise<ProxmoxClient> {
  const { password, userId, signal } = options;
  const asked: string[] = [password];
  const transport = openTransport(options, noCredentials(asked));
  try {
    let answer = await retry(() => post(transport, { username: userId, password }, { signal }), {
      what: `logging in as ${userId}`,
      signal,
      attempts: ATTEMPTS,
      baseMs: 200,
      capMs: 1_000,
      retryable: (error) => error instanceof UnreachableError && error.mayHaveStarted,
    });
    if (answer.NeedTFA) {
      requireTotp(answer.ticket, userId);
      const code = (await options.totp()).replaceAll(/\s/g, '');
      asked.push(code, answer.ticket);
      const reply = { username: answer.username, password: `totp:${code}`, 'tfa-challenge': answer.ticket };
      answer = await post(transport, reply, { signal });
    }
    const { ticket, CSRFPreventionToken: csrfToken } = answer;
    return clientOver(openTransport(options, ticketCredentials({ ticket, csrfToken })));
  } finally {
    await transport.close();
  }
}

async function post(
  transport: Transport,
  params: Readonly<Record<string, string>>,
  options: CallOptions,
): Promise<Answer> {
  try {
    return await transport.call({
      ...options,
      method: 'POST',
      path: ['access', 'ticket'],
      params,
      answer: answerSchema,
      confidential: true,
    });
  } catch (error) {
    if (!(error instanceof UnauthorizedError)) throw error;
    const second = 'tfa-challenge' in params;
    throw new UnauthorizedError(second ? 'the second factor was refused' : 'the login was refused', {
      hint: second
        ? 'Each code is good once: wait for the next one, and look at the clocks of both sides.'
        : 'Check the user with its realm (root@pam), the password, and that the user is not disabled.',
      cause: error,
    });
  }
}

/** The challenge says which factors the user has: `PVE:!tfa!{"totp":true,…}:…`, its JSON escaped. */
function requireTotp(challenge: string, userId: string): void {
  const [, encoded] = /^PVE:!tfa!([^:]+):/.exec(challenge) ?? [];
  if (encoded === undefined) return; // in other words than known: the code will show
  const factors = z.object({ totp: z.unknown().optional() }).safeParse(parseJson(encoded));
  if (!factors.success || Boolean(factors.data.totp)) return;
  throw new UnauthorizedError(`${userId} has a second factor, but no TOTP`, {
    hint: 'Log in as a user with TOTP or without a second factor, or use the printed pveum lines on the node.',
  });
}

function parseJson(encoded: string): unknown {
  try {
    return JSON.parse(decodeURIComponent(encoded));
  } catch {
    return undefined; // in other words than known: the code will show
  }
}
