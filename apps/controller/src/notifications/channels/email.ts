import type { Channel, NotificationMessage } from '@tacet/protocol';
import { runWithin } from '@tacet/runtime';
import { unverifiedCode } from '@tacet/runtime/connections';
import { createTransport } from 'nodemailer';
import type { Carrier } from './post.ts';
import { needed, type Secrets } from './secrets.ts';
import { Undelivered } from './undelivered.ts';
import { notTrusted } from './channel-connector.ts';
import { withoutSecrets } from './without-secrets.ts';

type Email = Extract<Channel, { kind: 'email' }>;

/** Over a connection of its own, which is verified before anything secret goes over it. @throws Undelivered */
export async function sendEmail(
  channel: Email,
  secrets: Secrets,
  message: NotificationMessage,
  { clock, signal, timeoutMs, version }: Carrier,
): Promise<string> {
  const { host, port, security, username, from, to, trust } = channel;
  const where = `${host}:${port}`;
  const auth = username === undefined ? undefined : { user: username, pass: needed(secrets, 'password') };
  const transport = createTransport({
    host,
    port,
    secure: security === 'tls',
    requireTLS: security === 'starttls',
    ignoreTLS: security === 'none',
    ...(auth && { auth }),
    // NODE_TLS_REJECT_UNAUTHORIZED would otherwise decide.
    tls: { rejectUnauthorized: true, minVersion: 'TLSv1.2', ...(trust && { ca: trust.ca }) },
    connectionTimeout: timeoutMs,
    greetingTimeout: timeoutMs,
    socketTimeout: timeoutMs,
    dnsTimeout: timeoutMs,
    disableFileAccess: true,
    disableUrlAccess: true,
  });
  const mail = {
    from: { name: 'Tacet', address: from },
    to,
    subject: message.title,
    text: message.text,
    // The same for every attempt: programs that sort mail know one that they have already.
    messageId: `<${message.id}@${from.split('@').at(-1) ?? 'tacet'}>`,
    headers: {
      'Auto-Submitted': 'auto-generated',
      'X-Tacet-Kind': message.kind,
      'User-Agent': `Tacet/${version}`,
    },
  };
  try {
    const sent = await runWithin(signal, timeoutMs, where, () => transport.sendMail(mail), { clock });
    return withoutSecrets(sent.response, Object.values(secrets));
  } catch (error) {
    if (signal.aborted) throw signal.reason;
    throw failure(error, where, Object.values(secrets));
  } finally {
    transport.close();
  }
}

function failure(error: unknown, where: string, secrets: readonly string[]): Undelivered {
  if (error instanceof Undelivered) return error;
  const { code, responseCode, message } = facts(error);
  const cause = new Error(withoutSecrets(message, secrets));
  const unverified =
    unverifiedCode(error) ?? unverifiedCode(causeOf(error)) ?? /^self-signed|certificate/i.exec(message)?.[0];
  if (unverified !== undefined) return notTrusted(where, unverified);
  if (code === 'EAUTH') {
    return new Undelivered(`${where} refuses the name or the password`, { refused: true, cause });
  }
  if (code === 'ETLS') {
    return new Undelivered(`${where} offers no TLS, or another one`, { refused: true, cause });
  }
  const refused = responseCode !== undefined && responseCode >= 500;
  if (responseCode !== undefined) return new Undelivered(`${where} refuses the mail`, { refused, cause });
  return new Undelivered(`${where} took no mail`, { cause });
}

function causeOf(error: unknown): unknown {
  return error instanceof Error ? error.cause : undefined;
}

function facts(error: unknown): { code?: string; responseCode?: number; message: string } {
  if (!(error instanceof Error)) return { message: String(error) };
  return {
    message: error.message,
    ...('code' in error && typeof error.code === 'string' && { code: error.code }),
    ...('responseCode' in error &&
      typeof error.responseCode === 'number' && { responseCode: error.responseCode }),
  };
}
