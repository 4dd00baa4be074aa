import { createHash } from 'node:crypto';

/** Enough to tell two apart, and too little to know one: a machine-id is meant for the machine's own eyes. */
export function fingerprintOf(text: string): string {
  return `sha256:${createHash('sha256').update(text).digest('hex').slice(0, 16)}`;
}

/** Of a line of a `.pub` file, as `ssh-keygen -l` writes it. */
export function sshFingerprintOf(publicKey: string): string {
  const blob = Buffer.from(publicKey.trim().split(/\s+/)[1] ?? '', 'base64');
  return `SHA256:${createHash('sha256').update(blob).digest('base64').replace(/=+$/, '')}`;
}
