import { TLSSocket } from 'node:tls';
import { buildConnector } from 'undici';
import * as z from 'zod';
import { TrustError, UnreachableError } from './errors.ts';

/** The SHA-256 of the node's own certificate, as Proxmox shows it: `AA:BB:…`, 32 bytes. */
const fingerprintSchema = z
  .string()
  .transform((text) => text.replaceAll(/[:\s]/g, '').toUpperCase())
  .pipe(z.string().regex(/^[0-9A-F]{64}$/, 'a SHA-256 fingerprint has 32 bytes in hex'));

/**
 * How a node proves who it is; there is no third way. `ca` is PEM (a node's own is
 * `/etc/pve/pve-root-ca.pem`), or `'system'` for a publicly signed certificate.
 */
export const trustSchema = z.union([
  z.strictObject({ ca: z.string().min(1) }),
  z.strictObject({ fingerprint: fingerprintSchema }),
]);
export type Trust = z.input<typeof trustSchema>;

type Connector = buildConnector.connector;

/** Opens connections that were verified before the first byte of a request is written to them. */
export function verifiedConnector(trust: z.output<typeof trustSchema>, connectTimeoutMs: number): Connector {
  const pinned = 'fingerprint' in trust ? trust.fingerprint : undefined;
  const connect = buildConnector({
    timeout: connectTimeoutMs,
    allowH2: false,
    // A resumed session shows no certificate to compare.
    maxCachedSessions: 0,
    // With a pin the chain proves nothing and the comparison below decides; else the chain and the name do.
    // Said explicitly, because NODE_TLS_REJECT_UNAUTHORIZED would otherwise decide.
    rejectUnauthorized: pinned === undefined,
    ...('ca' in trust && trust.ca !== 'system' && { ca: trust.ca }),
  });
  return (options, callback) => {
    const where = `${options.hostname}:${options.port}`;
    connect(options, (...[error, socket]) => {
      if (error !== null) {
        callback(connectError(error, where), null);
        return;
      }
      const shown = socket instanceof TLSSocket ? peerFingerprint(socket) : 'none';
      if (pinned !== undefined && shown !== pinned) {
        socket.destroy();
        const message = `${where} shows a certificate other than the pinned one (${shown})`;
        callback(
          new TrustError(message, { shown: shown.replaceAll(/([0-9A-F]{2})(?=[0-9A-F])/g, '$1:') }),
          null,
        );
        return;
      }
      callback(null, socket);
    });
  };
}

function peerFingerprint(socket: TLSSocket): string {
  return socket.getPeerX509Certificate()?.fingerprint256.replaceAll(':', '') ?? 'none';
}

// OpenSSL's verification results as Node names them, and Node's own for a name that does not match.
const UNVERIFIED =
  /^(?:ERR_TLS_CERT|CERT_|CRL_|UNABLE_TO_|DEPTH_ZERO_|SELF_SIGNED_|INVALID_(?:CA|PURPOSE)|PATH_LENGTH|ERROR_IN_|HOSTNAME_MISMATCH)/;

function connectError(error: Error, where: string): TrustError | UnreachableError {
  const code = 'code' in error && typeof error.code === 'string' ? error.code : '';
  return UNVERIFIED.test(code)
    ? new TrustError(`${where} does not prove to be the trusted node (${code})`, { cause: error })
    : new UnreachableError(`cannot connect to ${where}`, { cause: error });
}
