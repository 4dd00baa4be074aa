import { isIP } from 'node:net';
import { connect, type TLSSocket } from 'node:tls';
import { TacetError } from '@tacet/runtime';

/** Whom to trust: this address, with exactly this certificate. */
export interface PinnedController {
  /** `https://host:port`. */
  controllerUrl: string;
  /** SHA-256 of its certificate, `AA:BB:…`. */
  fingerprint: string;
}

/**
 * A TLS connection to the one controller whose certificate is pinned. It is handed out only after the
 * peer has proven that it owns that certificate, so nothing can be written to anybody else: there is no
 * way to ask for a connection without it.
 *
 * @throws TacetError `node-unreachable` (retryable), `unauthorized` for another certificate.
 */
export function connectPinned(controller: PinnedController, signal: AbortSignal): Promise<TLSSocket> {
  const { hostname, port } = new URL(controller.controllerUrl);
  const host = hostname.replace(/^\[(.*)\]$/, '$1');
  return new Promise((resolve, reject) => {
    signal.throwIfAborted();
    const socket = connect({
      host,
      port: Number(port || 443),
      ...(isIP(host) === 0 && { servername: host }),
      ALPNProtocols: ['http/1.1'],
      minVersion: 'TLSv1.3',
      // The certificate is self-signed: what makes it trusted is the comparison below, and only that. So no
      // authority counts; without this all that the guest knows are read, and kept: 0.7 MiB.
      ca: [],
      rejectUnauthorized: false,
    });
    const settle = (error?: unknown): void => {
      signal.removeEventListener('abort', onAbort);
      socket.off('error', onError).off('secureConnect', onSecure).off('close', onClose);
      if (error === undefined) {
        resolve(socket);
        return;
      }
      // A second error of a socket that is being thrown away is no news, and must not end the process.
      socket.on('error', () => undefined).destroy();
      reject(error);
    };
    const onAbort = (): void => settle(signal.reason);
    const onError = (cause: unknown): void => settle(unreachable(controller, cause));
    const onClose = (): void => settle(unreachable(controller));
    const onSecure = (): void => {
      const presented = socket.getPeerX509Certificate()?.fingerprint256;
      settle(presented === controller.fingerprint ? undefined : mismatch(controller, presented));
    };
    signal.addEventListener('abort', onAbort, { once: true });
    socket.once('error', onError).once('secureConnect', onSecure).once('close', onClose);
  });
}

function unreachable({ controllerUrl }: PinnedController, cause?: unknown): TacetError {
  return new TacetError(`the controller at ${controllerUrl} cannot be reached`, {
    code: 'node-unreachable',
    retryable: true,
    hint: 'Check its address, that it runs, and that no firewall is in between.',
    cause,
  });
}

function mismatch({ controllerUrl, fingerprint }: PinnedController, presented?: string): TacetError {
  return new TacetError(
    `${controllerUrl} shows another certificate (${presented ?? 'none'}) than the pinned one (${fingerprint})`,
    {
      code: 'unauthorized',
      hint: 'Nothing was sent. If the controller has got a new certificate, enrol this guest again.',
    },
  );
}
