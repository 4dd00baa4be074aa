import { argon2, randomBytes, timingSafeEqual } from 'node:crypto';
import { promisify } from 'node:util';

const derive = promisify(argon2);

interface Cost {
  /** In KiB. */
  readonly memory: number;
  readonly passes: number;
  readonly parallelism: number;
}

/** Above what OWASP's cheat sheet on password storage asks of argon2id, and a tenth of a second on a small machine. */
const COST: Cost = { memory: 32_768, passes: 2, parallelism: 1 };
const SALT_BYTES = 16;
const HASH_BYTES = 32;

/** As the PHC's string format writes it: `$argon2id$v=19$m=32768,t=2,p=1$SALT$HASH`. */
const format = /^\$argon2id\$v=19\$m=(\d+),t=(\d+),p=(\d+)\$([A-Za-z0-9+/]+)\$([A-Za-z0-9+/]+)$/;

export async function hashPassword(password: string): Promise<string> {
  const salt = randomBytes(SALT_BYTES);
  const hash = await argon2id(password, salt, HASH_BYTES, COST);
  const { memory, passes, parallelism } = COST;
  return `$argon2id$v=19$m=${memory},t=${passes},p=${parallelism}$${unpadded(salt)}$${unpadded(hash)}`;
}

/** @param stored of nobody when undefined: then it takes as long, and is false. */
export async function passwordMatches(password: string, stored: string | undefined): Promise<boolean> {
  const parts = stored === undefined ? null : format.exec(stored);
  if (parts === null) {
    await argon2id(password, Buffer.alloc(SALT_BYTES), HASH_BYTES, COST);
    return false;
  }
  const [, memory, passes, parallelism, salt = '', hash = ''] = parts;
  const expected = Buffer.from(hash, 'base64');
  const cost = { memory: Number(memory), passes: Number(passes), parallelism: Number(parallelism) };
  const actual = await argon2id(password, Buffer.from(salt, 'base64'), expected.length, cost);
  return timingSafeEqual(actual, expected);
}

/** True for one that was made when less was asked: its password is hashed anew when it is next typed. */
export function isOutdated(stored: string): boolean {
  const { memory, passes, parallelism } = COST;
  return !stored.startsWith(`$argon2id$v=19$m=${memory},t=${passes},p=${parallelism}$`);
}

function argon2id(password: string, nonce: Buffer, tagLength: number, cost: Cost): Promise<Buffer> {
  // The same password typed on another keyboard may be composed of other code points.
  return derive('argon2id', { message: password.normalize('NFC'), nonce, tagLength, ...cost });
}

function unpadded(bytes: Buffer): string {
  return bytes.toString('base64').replaceAll('=', '');
}
