import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { SMTPServer, type SMTPServerOptions } from 'smtp-server';
import type { Identity } from './listener.ts';

export interface Mail {
  readonly from: string;
  readonly to: string[];
  /** Headers and body, as they came. */
  readonly source: string;
  readonly secure: boolean;
  readonly user: string | undefined;
}

export interface MailServer extends AsyncDisposable {
  readonly port: number;
  readonly mails: Mail[];
  /** Passwords that were shown, and whether the line was encrypted then. */
  readonly shown: { readonly password: string; readonly secure: boolean }[];
}

interface MailServerOptions {
  readonly identity?: Identity;
  readonly user?: string;
  readonly password?: string;
  /** TLS from the first byte on. */
  readonly implicit?: boolean;
  readonly more?: SMTPServerOptions;
}

/** A real SMTP server on the loopback; with an identity it offers STARTTLS. */
export async function openMailServer(options: MailServerOptions): Promise<MailServer> {
  const { identity, user, password, implicit = false, more } = options;
  const mails: Mail[] = [];
  const shown: MailServer['shown'] = [];
  const server = new SMTPServer({
    logger: false,
    secure: implicit,
    ...(identity && { key: identity.key, cert: identity.cert }),
    disabledCommands: identity === undefined ? ['STARTTLS', 'AUTH'] : [],
    authOptional: user === undefined,
    onAuth: (auth, session, callback) => {
      shown.push({ password: auth.password ?? '', secure: session.secure });
      if (auth.username === user && auth.password === password)
        return callback(null, { user: auth.username });
      // Some servers repeat what they were told.
      callback(Object.assign(new Error(`no such password: ${auth.password ?? ''}`), { responseCode: 535 }));
    },
    onData: (stream, session, callback) => {
      const keep = async (): Promise<void> => {
        const source = await text(stream);
        const { mailFrom, rcptTo } = session.envelope;
        mails.push({
          from: mailFrom === false ? '' : mailFrom.address,
          to: rcptTo.map(({ address }) => address),
          source,
          secure: session.secure,
          user: typeof session.user === 'string' ? session.user : undefined,
        });
        callback(null, 'kept');
      };
      void keep();
    },
    ...more,
  });
  server.on('error', () => undefined); // a client that refuses the certificate hangs up
  const listening = server.listen(0, '127.0.0.1');
  await once(listening, 'listening');
  const address = listening.address();
  if (address === null || typeof address === 'string') throw new Error('not listening on a port');
  return {
    port: address.port,
    mails,
    shown,
    [Symbol.asyncDispose]: () => new Promise((resolve) => server.close(() => resolve())),
  };
}
