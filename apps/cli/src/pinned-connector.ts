import { TLSSocket } from 'node:tls';
import { buildConnector } from 'undici';

/** Whoever answers is not the controller that is known here. */
export class OtherCertificateError extends Error {
  constructor(shown: string | undefined) {
    super(`it shows another certificate than the pinned one: ${shown ?? 'none'}`);
  }
}

/** Connections to whoever shows this one certificate, before the token or anything else is sent. */
export function pinnedConnector(fingerprint: string): buildConnector.connector {
  const connect = buildConnector({
    allowH2: false,
    // A resumed session shows no certificate to compare.
    maxCachedSessions: 0,
    // The chain proves nothing here: the certificate is its own authority, and the comparison below decides.
    rejectUnauthorized: false,
  });
  return (options, callback) => {
    connect(options, (...[error, socket]) => {
      if (error !== null) {
        callback(error, null);
        return;
      }
      const shown = socket instanceof TLSSocket ? socket.getPeerX509Certificate()?.fingerprint256 : undefined;
      if (shown === fingerprint) {
        callback(null, socket);
        return;
      }
      socket.destroy();
      callback(new OtherCertificateError(shown), null);
    });
  };
}
