import { X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { isIP } from 'node:net';
import { join } from 'node:path';
import { createSecureContext } from 'node:tls';
import { replaceFile } from '@tacet/runtime/sealing';
import { generate } from 'selfsigned';
import { Failure } from '../failure.ts';
import { tlsKeyFile } from '../at-rest/secret-places.ts';
import type { Vault } from '../at-rest/vault.ts';

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
  vault: Vault,
  now: number,
): Promise<Certificate> {
  const keyFile = tlsKeyFile(stateDir);
  const certPath = join(stateDir, 'controller.crt');
  const kept = await vault.look(keyFile);
  const cert = await readIfThere(certPath);
  if (kept === undefined || cert === undefined) {
    // A first start, or one that was cut off between the two files.
    const made = await create(names, now);
    await vault.write(keyFile, made.key);
    await replaceFile(certPath, made.cert);
    return withFingerprint(made);
  }
  const pair = { key: kept.secret, cert };
  requireUsable(pair, keyFile.path, certPath);
  await kept.seal();
  return withFingerprint(pair);
}

function withFingerprint(pair: { key: string; cert: string }): Certificate {
  return { ...pair, fingerprint: new X509Certificate(pair.cert).fingerprint256 };
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

async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
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
