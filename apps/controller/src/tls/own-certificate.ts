import { X509Certificate } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import { createSecureContext, type SecureContext } from 'node:tls';
import type { Clock, Logger } from '@tacet/runtime';
import { Failure } from '../failure.ts';

export interface CertificateFiles {
  /** PEM, with the chain. */
  readonly certFile: string;
  /** PEM. */
  readonly keyFile: string;
}

interface Loaded {
  readonly certificate: X509Certificate;
  readonly context: SecureContext;
  /** Of both files: they were changed when it is another. */
  readonly version: string;
}

/** Between two looks at whether the files have been renewed. */
const LOOK_MS = 60_000;

/**
 * A certificate of the operator's, shown to whoever asks for a name that it is for. Everybody else gets the controller's
 * own, which agents and `tacet` pin: a renewal of this one means nothing to them.
 */
export class OwnCertificate {
  readonly #files: CertificateFiles;
  readonly #clock: Clock;
  readonly #log: Logger;
  #loaded: Loaded;
  #lookedAt: number;

  private constructor(files: CertificateFiles, loaded: Loaded, clock: Clock, log: Logger) {
    this.#files = files;
    this.#loaded = loaded;
    this.#clock = clock;
    this.#log = log;
    this.#lookedAt = clock.monotonicMs();
  }

  /** @throws Failure `invalid-input` for files that are not a key and its certificate */
  static async load(files: CertificateFiles, clock: Clock, log: Logger): Promise<OwnCertificate> {
    return new OwnCertificate(files, await load(files), clock, log);
  }

  isFor(name: string): boolean {
    return this.#loaded.certificate.checkHost(name) !== undefined;
  }

  /** Undefined where the name is none of its. Files that were renewed count within a minute. */
  async contextFor(name: string): Promise<SecureContext | undefined> {
    const now = this.#clock.monotonicMs();
    if (now - this.#lookedAt >= LOOK_MS) {
      this.#lookedAt = now;
      await this.#renew();
    }
    return this.isFor(name) ? this.#loaded.context : undefined;
  }

  async #renew(): Promise<void> {
    try {
      if ((await versionOf(this.#files)) === this.#loaded.version) return;
      this.#loaded = await load(this.#files);
      this.#log.info('the certificate was renewed', { validTo: this.#loaded.certificate.validTo });
    } catch (error) {
      // As while only one of the two files has been replaced: the next look finds both.
      this.#log.warn('a renewed certificate cannot be used yet; the one before is', { error });
    }
  }
}

async function load(files: CertificateFiles): Promise<Loaded> {
  const { certFile, keyFile } = files;
  try {
    const version = await versionOf(files);
    const [cert, key] = await Promise.all([readFile(certFile, 'utf8'), readFile(keyFile, 'utf8')]);
    const context = createSecureContext({ cert, key, minVersion: 'TLSv1.2' });
    return { certificate: new X509Certificate(cert), context, version };
  } catch (cause) {
    throw new Failure('invalid-input', `${keyFile} and ${certFile} are not a key and its certificate`, {
      hint: 'Both must be PEM and belong together: `tls` in the configuration names them.',
      cause,
    });
  }
}

async function versionOf({ certFile, keyFile }: CertificateFiles): Promise<string> {
  const [cert, key] = await Promise.all([stat(certFile), stat(keyFile)]);
  return `${cert.mtimeMs} ${cert.size} ${key.mtimeMs} ${key.size}`;
}
