import { type ConnectFailure, verifiedConnector } from '@tacet/runtime/connections';
import * as z from 'zod';
import { TrustError, UnreachableError } from './errors.ts';

/** The SHA-256 of the node's own certificate, as Proxmox shows it: `AA:BB:…`, 32 bytes. */
const fingerprintSchema = z
  .string()
  .transform((text) => text.replaceAll(/[:\s]/g, '').toUpperCase())
  .pipe(z.string().regex(/^[0-9A-F]{64}$/, 'a SHA-256 fingerprint has 32 bytes in hex'))
  .transform((hex) => hex.replaceAll(/([0-9A-F]{2})(?=[0-9A-F])/g, '$1:'));

/**
 * How a node proves who it is; there is no third way. `ca` is PEM (a node's own is
 * `/etc/pve/pve-root-ca.pem`), or `'system'` for a publicly signed certificate.
 */
export const trustSchema = z.union([
  z.strictObject({ ca: z.string().min(1) }),
  z.strictObject({ fingerprint: fingerprintSchema }),
]);
export type Trust = z.input<typeof trustSchema>;

/** Connections to a node, verified before the first byte of a request is written to them. */
export function nodeConnector(
  trust: z.output<typeof trustSchema>,
  timeoutMs: number,
): ReturnType<typeof verifiedConnector> {
  const trusted = 'fingerprint' in trust ? trust : trust.ca === 'system' ? {} : trust;
  return verifiedConnector(trusted, { timeoutMs, asError });
}

function asError(failure: ConnectFailure): TrustError | UnreachableError {
  const { where } = failure;
  switch (failure.kind) {
    case 'other-certificate': {
      const { shown = 'none' } = failure;
      return new TrustError(`${where} shows a certificate other than the pinned one (${shown})`, { shown });
    }
    case 'unverified': {
      const { code, cause } = failure;
      return new TrustError(`${where} does not prove to be the trusted node (${code})`, { cause });
    }
    case 'unreachable':
      return new UnreachableError(`cannot connect to ${where}`, { cause: failure.cause });
  }
}
