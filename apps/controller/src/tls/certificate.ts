import { X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { isIP } from 'node:net';
import { join } from 'node:path';
import { createSecureContext } from 'node:tls';
import { generate } from 'selfsigned';
import { Failure } from '../failure.ts';
import { writePrivateFile } from '../private-file.ts';

export interface Certificate {
  readonly key: string;
  readonly cert: string;
  /** SHA-256, `AA:BB:…`: what agents and the CLI pin. */
  readonly fingerprint: string;
}

const DAY_MS = 86_400_000;
/** Those who connect pin this very certificate, so an end of its validity would only break them. */
const VALID_DAYS = 3650;

/** The certificate of this installation: made once, and kept for as long as its state directory lives. */
export async function loadCertificate(
  stateDir: string,
  names: readonly string[],
  now: number,
): Promise<Certificate> {
  const keyPath = join(stateDir, 'controller.key');
  const certPath = join(stateDir, 'controller.crt');
  const kept = await readPair(keyPath, certPath);
  if (kept !== undefined) requireUsable(kept, keyPath, certPath);
  const { key, cert } = kept ?? (await create(names, now));
  if (kept === undefined) {
    await writePrivateFile(keyPath, key);
    await writePrivateFile(certPath, cert);
  }
  return { key, cert, fingerprint: new X509Certificate(cert).fingerprint256 };
}

/** @throws Failure `invalid-input` for a pair that is damaged, or none. */
function requireUsable(
  { key, cert }: { key: string; cert: string },
  keyPath: string,
  certPath: string,
): void {
  try {
    createSecureContext({ key, cert });
  } catch (cause) {
    throw new Failure('invalid-input', `${keyPath} and ${certPath} are not a key and its certificate`, {
      hint: 'Bring both back from a backup. Without them: move both away, and enrol every guest again.',
      cause,
    });
  }
}

async function readPair(
  keyPath: string,
  certPath: string,
): Promise<{ key: string; cert: string } | undefined> {
  try {
    return { key: await readFile(keyPath, 'utf8'), cert: await readFile(certPath, 'utf8') };
  } catch (error) {
    // A first start, or one that was cut off between the two files.
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
}

async function create(names: readonly string[], now: number): Promise<{ key: string; cert: string }> {
  const altNames = names.map((name) =>
    isIP(name) === 0 ? { type: 2 as const, value: name } : { type: 7 as const, ip: name },
  );
  const made = await generate([{ name: 'commonName', value: 'tacet controller' }], {
    keyType: 'ec',
    curve: 'P-256',
    algorithm: 'sha256',
    // Guests' clocks may be behind.
    notBeforeDate: new Date(now - DAY_MS),
    notAfterDate: new Date(now + VALID_DAYS * DAY_MS),
    extensions: [
      { name: 'basicConstraints', cA: false, critical: true },
      { name: 'keyUsage', digitalSignature: true, critical: true },
      { name: 'extKeyUsage', serverAuth: true },
      { name: 'subjectAltName', altNames },
    ],
  });
  return { key: made.private, cert: made.cert };
}
