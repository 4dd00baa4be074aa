import { randomUUID } from 'node:crypto';
import { link, mkdir, open, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { TacetError } from '../errors.ts';
import { KeyRing } from './key-ring.ts';
import { type Owner, ownerOf, replaceFile, syncDirectoryOf, writeNewFile } from './replace-file.ts';

export interface KeyFileOptions {
  /** Users that it may belong to. */
  readonly owners: readonly number[];
  /** What makes a new key out of the question, as a sentence; undefined where a missing file may be made. */
  readonly neededFor?: string | undefined;
  /** Whose a file that is made shall be. */
  readonly giveTo?: Owner | undefined;
}

/**
 * The keys in a file that nobody else can read. Where there is none one is made; one that is there is never
 * overwritten.
 *
 * @throws TacetError `invalid-input` with the line that puts it right
 */
export async function loadKeyFile(path: string, options: KeyFileOptions): Promise<KeyRing> {
  const found = await readKeyFile(path, options);
  if (found !== undefined) return found;
  if (options.neededFor !== undefined) {
    throw new TacetError(`the key file ${path} is missing: ${options.neededFor}`, {
      code: 'invalid-input',
      hint: `Bring it back from your backup (mode 0600), or name where it is. ${ifTheKeyIsLost}`,
    });
  }
  const made = await makeKeyFile(path, options);
  if (made !== undefined) return made;
  return await loadKeyFile(path, { ...options, neededFor: 'it was made by somebody, and taken away again' });
}

export const ifTheKeyIsLost =
  'If the key is lost: make new secrets (tacet pve provision --rotate), move controller.key and controller.crt away, and enrol every guest again.';

/** Undefined where there is no file. */
export async function readKeyFile(
  path: string,
  { owners }: Pick<KeyFileOptions, 'owners'>,
): Promise<KeyRing | undefined> {
  const found = await readPrivately(path, 'key file', 0o077);
  if (found === undefined) return undefined;
  if (!owners.includes(found.uid)) {
    throw new TacetError(`the key file ${path} belongs to user ${found.uid}`, {
      code: 'invalid-input',
      hint: `chown ${owners[0] ?? 0} ${path}`,
    });
  }
  return parseKeys(path, found.text);
}

/**
 * A credential of systemd: it belongs to root, and an access list lets the unit's user read it, which shows as a bit
 * of its group.
 *
 * @throws TacetError `invalid-input`
 */
export async function readKeyCredential(path: string): Promise<KeyRing | undefined> {
  const found = await readPrivately(path, 'key', 0o007);
  return found && parseKeys(path, found.text);
}

/** Its owner stays. */
export async function replaceKeyFile(path: string, keys: KeyRing): Promise<void> {
  await replaceFile(path, keys.toText(), await ownerOf(path));
}

/**
 * The text of a file, trimmed, undefined where there is none.
 *
 * @param refused bits of its mode that it must not have
 * @throws TacetError `invalid-input`
 */
export async function readPrivately(
  path: string,
  what: string,
  refused: number,
): Promise<{ text: string; uid: number; gid: number } | undefined> {
  try {
    await using file = await open(path, 'r');
    const stats = await file.stat();
    if (!stats.isFile()) throw new TacetError(`the ${what} ${path} is not a file`, { code: 'invalid-input' });
    if ((stats.mode & refused) !== 0) {
      throw new TacetError(`the ${what} ${path} can be read by others`, {
        code: 'invalid-input',
        hint: `chmod 600 ${path}`,
      });
    }
    const text = (await file.readFile('utf8')).trim();
    if (text !== '') return { text, uid: stats.uid, gid: stats.gid };
    throw new TacetError(`the ${what} ${path} is empty`, { code: 'invalid-input' });
  } catch (cause) {
    if (cause instanceof TacetError) throw cause;
    if (cause instanceof Error && 'code' in cause && cause.code === 'ENOENT') return undefined;
    throw new TacetError(`cannot read the ${what} ${path}`, { code: 'invalid-input', cause });
  }
}

function parseKeys(path: string, text: string): KeyRing {
  try {
    return KeyRing.parse(text);
  } catch (cause) {
    throw new TacetError(`${path} does not hold a key`, {
      code: 'invalid-input',
      hint: `Bring it back from your backup. ${ifTheKeyIsLost}`,
      cause,
    });
  }
}

/** Undefined where somebody else was faster. */
async function makeKeyFile(path: string, { giveTo }: KeyFileOptions): Promise<KeyRing | undefined> {
  const keys = KeyRing.create();
  const temporary = `${path}.new-${randomUUID()}`;
  try {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    await writeNewFile(temporary, keys.toText(), giveTo);
    // Unlike a rename, a link never takes the place of what is there.
    await link(temporary, path);
    await syncDirectoryOf(path);
    return keys;
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause && cause.code === 'EEXIST') return undefined;
    throw new TacetError(`cannot make the key file ${path}`, {
      code: 'invalid-input',
      hint: 'Name another place for it in the configuration (keyFile), or hand it over as the systemd credential tacet-key.',
      cause,
    });
  } finally {
    await rm(temporary, { force: true });
  }
}
