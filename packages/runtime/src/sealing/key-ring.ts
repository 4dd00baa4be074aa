import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto';
import { TacetError } from '../errors.ts';

const CIPHER = 'aes-256-gcm';
const KEY_BYTES = 32;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;

const keyLine = /^tacet-key-1\.([\w-]{43})$/;
const sealedText = /^tacet-sealed-1\.([0-9a-f]{16})\.([\w-]{16})\.([\w-]{22,})$/;

/** True for whatever a {@link KeyRing} of any version has sealed, damaged or not. */
export function isSealed(text: string): boolean {
  return text.startsWith('tacet-sealed-');
}

export type Unsealed =
  | { readonly kind: 'opened'; readonly text: string; readonly isCurrent: boolean }
  /** `id` names the key that it takes. */
  | { readonly kind: 'other-key'; readonly id: string }
  /** Changed since, made for another purpose, or written by a newer version. */
  | { readonly kind: 'damaged' };

interface Key {
  /** Not secret: tells keys apart. */
  readonly id: string;
  readonly line: string;
  readonly cipherKey: Buffer;
}

/**
 * The keys under which secrets lie on disk. The first one seals; the others, from before a rotation, only open.
 *
 * A sealed text is one line, `tacet-sealed-1.KEY-ID.NONCE.CIPHERTEXT-AND-TAG`: AES-256-GCM with a random nonce (a key
 * seals some dozens of texts in its life), and with version, key and purpose as additional data, so that a file
 * cannot be put in the place of another.
 */
export class KeyRing {
  readonly #keys: readonly [Key, ...Key[]];

  private constructor(keys: readonly [Key, ...Key[]]) {
    this.#keys = keys;
  }

  static create(): KeyRing {
    return new KeyRing([newKey()]);
  }

  /**
   * @param text one key a line, the newest first
   * @throws TacetError `invalid-input`, which does not repeat what it was given
   */
  static parse(text: string): KeyRing {
    const lines = text.split('\n').filter((line) => line.trim() !== '');
    const [first, ...older] = lines.map((line) => {
      const secret = keyLine.exec(line.trim())?.[1];
      if (secret === undefined) {
        throw new TacetError('not a whole key: each line is tacet-key-1. and 43 characters', {
          code: 'invalid-input',
        });
      }
      return keyOf(secret);
    });
    if (first === undefined) throw new TacetError('there is no key', { code: 'invalid-input' });
    return new KeyRing([first, ...older]);
  }

  /** As {@link KeyRing.parse} takes it. */
  toText(): string {
    return this.#keys.map(({ line }) => `${line}\n`).join('');
  }

  /** Of every key, the one that seals first. */
  get ids(): readonly string[] {
    return this.#keys.map(({ id }) => id);
  }

  /** With a new key to seal with. The others stay: what was forgotten, or lies in a backup, still opens. */
  rotated(): KeyRing {
    return new KeyRing([newKey(), ...this.#keys]);
  }

  seal(purpose: string, text: string): string {
    const [{ id, cipherKey }] = this.#keys;
    const nonce = randomBytes(NONCE_BYTES);
    const cipher = createCipheriv(CIPHER, cipherKey, nonce, { authTagLength: TAG_BYTES });
    cipher.setAAD(additionalData(id, purpose));
    const body = Buffer.concat([cipher.update(text, 'utf8'), cipher.final(), cipher.getAuthTag()]);
    return `tacet-sealed-1.${id}.${nonce.toString('base64url')}.${body.toString('base64url')}`;
  }

  unseal(purpose: string, sealed: string): Unsealed {
    const [, id = '', nonce = '', encoded = ''] = sealedText.exec(sealed.trim()) ?? [];
    if (id === '') return { kind: 'damaged' };
    const key = this.#keys.find((candidate) => candidate.id === id);
    if (key === undefined) return { kind: 'other-key', id };
    const body = Buffer.from(encoded, 'base64url');
    const decipher = createDecipheriv(CIPHER, key.cipherKey, Buffer.from(nonce, 'base64url'), {
      authTagLength: TAG_BYTES,
    });
    decipher.setAAD(additionalData(id, purpose));
    decipher.setAuthTag(body.subarray(-TAG_BYTES));
    const start = decipher.update(body.subarray(0, -TAG_BYTES));
    try {
      const text = Buffer.concat([start, decipher.final()]).toString('utf8');
      return { kind: 'opened', text, isCurrent: key === this.#keys[0] };
    } catch {
      return { kind: 'damaged' }; // the only thing that a failed authentication says
    }
  }
}

function newKey(): Key {
  return keyOf(randomBytes(KEY_BYTES).toString('base64url'));
}

function keyOf(secret: string): Key {
  const master = Buffer.from(secret, 'base64url');
  const derive = (info: string, bytes: number): Buffer =>
    Buffer.from(hkdfSync('sha256', master, new Uint8Array(), info, bytes));
  return {
    id: derive('tacet key id 1', 8).toString('hex'),
    line: `tacet-key-1.${secret}`,
    cipherKey: derive('tacet sealed 1', KEY_BYTES),
  };
}

/** The id has one length, so no two pairs give the same bytes. */
function additionalData(id: string, purpose: string): Buffer {
  return Buffer.from(`tacet-sealed-1.${id}.${purpose}`);
}
