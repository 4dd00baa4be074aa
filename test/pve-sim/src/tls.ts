import { X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';
import { generate } from 'selfsigned';

export interface Certificate {
  readonly key: string;
  readonly pem: string;
  /** SHA-256, upper-case hex in pairs with colons, as Proxmox VE shows it. */
  readonly fingerprint: string;
}

/** A self-signed certificate, which is its own CA: pin it or its fingerprint. */
export async function selfSignedCertificate(node: string, names: readonly string[]): Promise<Certificate> {
  const { private: key, cert: pem } = await generate([{ name: 'commonName', value: node }], {
    keyType: 'ec',
    curve: 'P-256',
    algorithm: 'sha256',
    extensions: [
      { name: 'basicConstraints', cA: true },
      {
        name: 'subjectAltName',
        altNames: names.map((name) =>
          isIP(name) === 0 ? { type: 2 as const, value: name } : { type: 7 as const, ip: name },
        ),
      },
    ],
  });
  return { key, pem, fingerprint: new X509Certificate(pem).fingerprint256 };
}
