import { type Logger, TacetError } from '@tacet/runtime';
import {
  type KeyRing,
  readSecretFile,
  replaceFile,
  type SecretFile,
  sealSecretFile,
} from '@tacet/runtime/sealing';

export interface KeptSecret {
  readonly secret: string;
  /** Seals it with today's key where it is not. Where that cannot be done, the log says so. */
  seal(): Promise<void>;
}

/** Secrets that lie on disk sealed, and are in clear in this process alone. */
export class Vault {
  readonly #keys: KeyRing;
  readonly #log: Logger;

  constructor({ keys, log }: { keys: KeyRing; log: Logger }) {
    this.#keys = keys;
    this.#log = log;
  }

  /**
   * One that somebody has put there in clear is sealed from now on.
   *
   * @throws TacetError `invalid-input`
   */
  async read(file: SecretFile): Promise<string> {
    const kept = await this.look(file);
    if (kept === undefined) {
      throw new TacetError(`there is no secret file ${file.path}`, {
        code: 'invalid-input',
        hint: `Bring it back from your backup. Without one: ${file.ifLost}`,
      });
    }
    await kept.seal();
    return kept.secret;
  }

  /** For who wants to check a secret before it is sealed. Undefined where there is no file. */
  async look(file: SecretFile): Promise<KeptSecret | undefined> {
    const found = await readSecretFile(file, this.#keys);
    if (found === undefined) return undefined;
    const { secret, state } = found;
    return {
      secret,
      seal: async () => {
        if (state !== 'sealed') await this.#seal(file, secret, state);
      },
    };
  }

  async write({ path, purpose }: SecretFile, secret: string): Promise<void> {
    await replaceFile(path, `${this.#keys.seal(purpose, secret)}\n`);
  }

  async #seal(file: SecretFile, secret: string, state: 'older' | 'plain'): Promise<void> {
    const { path } = file;
    try {
      await sealSecretFile(file, secret, this.#keys);
      this.#log.info('a secret file is sealed now', { path, was: state });
    } catch (error) {
      // A directory that this process may not write to: no reason to leave guests without backups.
      const hint = 'As who may write there: tacet-controller seal --config FILE';
      this.#log.warn('a secret file could not be sealed, and stays as it is', {
        path,
        is: state,
        hint,
        error,
      });
    }
  }
}
