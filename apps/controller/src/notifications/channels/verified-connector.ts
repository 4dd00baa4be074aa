import { TLSSocket } from 'node:tls';
import type { ChannelTrust } from '@tacet/protocol';
import { buildConnector } from 'undici';
import { Undelivered } from './undelivered.ts';

/** Opens connections that were verified before the first byte of a message is written to them. */
export function verifiedConnector(
  trust: ChannelTrust | undefined,
  timeoutMs: number,
): buildConnector.connector {
  const pinned = trust !== undefined && 'fingerprint' in trust ? trust.fingerprint.toUpperCase() : undefined;
  const connect = buildConnector({
    timeout: timeoutMs,
    allowH2: false,
    // A resumed session shows no certificate to compare.
    maxCachedSessions: 0,
    // Said explicitly, because NODE_TLS_REJECT_UNAUTHORIZED would otherwise decide. With a pin the comparison decides.
    rejectUnauthorized: pinned === undefined,
    ...(trust !== undefined && 'ca' in trust && { ca: trust.ca }),
  });
  return (options, callback) => {
    const where = `${options.hostname}:${options.port}`;
    connect(options, (...[error, socket]) => {
      if (error !== null) {
        callback(connectError(error, where), null);
        return;
      }
      if (pinned !== undefined && options.protocol === 'https:') {
        const shown =
          socket instanceof TLSSocket ? socket.getPeerX509Certificate()?.fingerprint256 : undefined;
        if (shown !== pinned) {
          socket.destroy();
          callback(notTrusted(where, `it shows ${shown ?? 'none'}`), null);
          return;
        }
      }
      callback(null, socket);
    });
  };
}

// OpenSSL's verification results as Node names them, and Node's own for a name that does not match.
const UNVERIFIED =
  /^(?:ERR_TLS_CERT|CERT_|CRL_|UNABLE_TO_|DEPTH_ZERO_|SELF_SIGNED_|INVALID_(?:CA|PURPOSE)|PATH_LENGTH|ERROR_IN_|HOSTNAME_MISMATCH)/;

/** Whether an error says that a certificate could not be verified. */
export function unverifiedCode(error: unknown): string | undefined {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  return UNVERIFIED.test(code) ? code : undefined;
}

function connectError(error: Error, where: string): Undelivered {
  const code = unverifiedCode(error);
  if (code !== undefined) return notTrusted(where, code);
  return new Undelivered(`cannot connect to ${where}`, { cause: error });
}

export function notTrusted(where: string, why: string): Undelivered {
  return new Undelivered(`the certificate of ${where} is not trusted (${why})`, {
    refused: true,
    hint: 'Where it is right, give the channel its CA or fingerprint as `trust`.',
  });
}
