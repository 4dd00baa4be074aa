import { TLSSocket } from 'node:tls';
import { buildConnector } from 'undici';

/** How the other side proves who it is. With neither, by a chain to the authorities that Node knows. */
export interface Trusted {
  /** SHA-256 of its one certificate, `AA:BB:…`, 32 bytes; the chain and the name then prove nothing. */
  readonly fingerprint?: string | undefined;
  /** PEM of the authorities that count. */
  readonly ca?: string | undefined;
}

/** Why there is no connection to `where`, `host:port`. */
export type ConnectFailure = { readonly where: string } & (
  | { readonly kind: 'other-certificate'; readonly shown: string | undefined }
  | { readonly kind: 'unverified'; readonly code: string; readonly cause: Error }
  | { readonly kind: 'unreachable'; readonly cause: Error }
);

interface ConnectorOptions {
  /** Undici's own where it is left out. */
  readonly timeoutMs?: number;
  readonly asError: (failure: ConnectFailure) => Error;
}

/** Opens connections that were verified before the first byte of a request is written to them; plain ones as they are. */
export function verifiedConnector(
  { fingerprint, ca }: Trusted,
  { timeoutMs, asError }: ConnectorOptions,
): buildConnector.connector {
  const connect = buildConnector({
    allowH2: false,
    // A resumed session shows no certificate to compare.
    maxCachedSessions: 0,
    // Said explicitly, because NODE_TLS_REJECT_UNAUTHORIZED would otherwise decide. With a pin the comparison does.
    rejectUnauthorized: fingerprint === undefined,
    ...(timeoutMs !== undefined && { timeout: timeoutMs }),
    ...(ca !== undefined && { ca }),
  });
  return (options, callback) => {
    const where = `${options.hostname}:${options.port}`;
    connect(options, (...[cause, socket]) => {
      if (cause !== null) {
        const code = unverifiedCode(cause);
        const failure =
          code === undefined
            ? ({ where, kind: 'unreachable', cause } as const)
            : ({ where, kind: 'unverified', code, cause } as const);
        callback(asError(failure), null);
        return;
      }
      if (fingerprint !== undefined && options.protocol === 'https:') {
        const shown =
          socket instanceof TLSSocket ? socket.getPeerX509Certificate()?.fingerprint256 : undefined;
        if (shown !== fingerprint) {
          socket.destroy();
          callback(asError({ where, kind: 'other-certificate', shown }), null);
          return;
        }
      }
      callback(null, socket);
    });
  };
}

// OpenSSL's verification results as Node names them, and Node's own for a name that does not match.
const unverified =
  /^(?:ERR_TLS_CERT|CERT_|CRL_|UNABLE_TO_|DEPTH_ZERO_|SELF_SIGNED_|INVALID_(?:CA|PURPOSE)|PATH_LENGTH|ERROR_IN_|HOSTNAME_MISMATCH)/;

/** What an error says of a certificate that could not be verified; undefined for any other error. */
export function unverifiedCode(error: unknown): string | undefined {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  return unverified.test(code) ? code : undefined;
}
