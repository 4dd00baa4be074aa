import {
  chmod,
  chown,
  link,
  mkdtemp,
  readdir,
  readFile,
  realpath,
  rm,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { loadKeyFile, readKeyCredential, replaceKeyFile } from './key-file.ts';
import { KeyRing } from './key-ring.ts';
import { tokenSecretFile } from './purposes.ts';
import { isSealedFile, readSecretFile, type SecretFile, sealSecretFile } from './secret-file.ts';

const me = process.geteuid?.() ?? 0;
const isRoot = me === 0;

let directory: string;
let keyPath: string;
let file: SecretFile;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'tacet-sealing-'));
  keyPath = join(directory, 'below', 'key');
  file = tokenSecretFile(join(directory, 'secret'), 'tacet@pve!guest-101');
  return () => rm(directory, { recursive: true });
});

const load = (neededFor?: string): Promise<KeyRing> => loadKeyFile(keyPath, { owners: [me], neededFor });
const mode = async (path: string): Promise<number> => (await stat(path)).mode & 0o777;

describe('the key file', () => {
  it('is made where there is none, its owner’s alone whatever the umask is, and never again', async () => {
    const before = process.umask(0);
    try {
      const made = await load();
      expect(await mode(keyPath)).toBe(0o600);
      expect((await load()).ids).toEqual(made.ids);
      expect(await readdir(join(directory, 'below'))).toEqual(['key']);
    } finally {
      process.umask(before);
    }
  });

  it('is one, when several processes make it at once', async () => {
    const all = await Promise.all(Array.from({ length: 8 }, () => load()));
    expect(new Set(all.map(({ ids }) => ids[0])).size).toBe(1);
  });

  it('is not made where something could not be opened with it', async () => {
    await expect(load('x is sealed')).rejects.toMatchObject({
      code: 'invalid-input',
      message: expect.stringContaining('x is sealed'),
      hint: expect.stringContaining('Bring it back from your backup'),
    });
    await expect(stat(keyPath)).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it.each([0o644, 0o640, 0o660, 0o606])(
    'with mode %o is refused, with the line that puts it right',
    async (bits) => {
      await load();
      await chmod(keyPath, bits);
      await expect(load()).rejects.toMatchObject({ code: 'invalid-input', hint: `chmod 600 ${keyPath}` });
    },
  );

  it.runIf(isRoot)('of somebody else is refused, with the line that puts it right (needs root)', async () => {
    await load();
    await chown(keyPath, 12_345, 12_345);
    await expect(load()).rejects.toMatchObject({ code: 'invalid-input', hint: `chown ${me} ${keyPath}` });
    await expect(loadKeyFile(keyPath, { owners: [me, 12_345] })).resolves.toBeInstanceOf(KeyRing);
  });

  it.runIf(isRoot)('made by root belongs to who shall use it (needs root)', async () => {
    await loadKeyFile(keyPath, { owners: [12_345], giveTo: { uid: 12_345, gid: 12_346 } });
    expect(await stat(keyPath)).toMatchObject({ uid: 12_345, gid: 12_346 });
    await replaceKeyFile(keyPath, KeyRing.create());
    expect(await stat(keyPath)).toMatchObject({ uid: 12_345, gid: 12_346 });
  });

  it.each(['', 'nonsense', 'tacet-key-1.short'])(
    'that holds %j is refused and stays as it is',
    async (text) => {
      keyPath = join(directory, 'key');
      await writeFile(keyPath, text, { mode: 0o600 });
      await expect(load()).rejects.toMatchObject({ code: 'invalid-input' });
      expect(await readFile(keyPath, 'utf8')).toBe(text);
    },
  );

  it('keeps its mode and all that it could open when it is replaced', async () => {
    const old = await load();
    await replaceKeyFile(keyPath, old.rotated());
    expect(await mode(keyPath)).toBe(0o600);
    expect((await load()).ids.slice(1)).toEqual(old.ids);
  });
});

describe('a key as a credential of systemd', () => {
  it('may show the bit of its access list, and none for all', async () => {
    const path = join(directory, 'tacet-key');
    expect(await readKeyCredential(path)).toBeUndefined();
    await writeFile(path, KeyRing.create().toText());
    await chmod(path, 0o440);
    expect((await readKeyCredential(path))?.ids).toHaveLength(1);
    await chmod(path, 0o444);
    await expect(readKeyCredential(path)).rejects.toMatchObject({ code: 'invalid-input' });
  });
});

const put = (text: string): Promise<void> => writeFile(file.path, text, { mode: 0o600 });

describe('the file of a secret', () => {
  const keys = KeyRing.create();

  it('is read in clear, and sealed from then on', async () => {
    await put('hush\n');
    expect(await readSecretFile(file, undefined)).toEqual({ secret: 'hush', state: 'plain' });
    expect(await isSealedFile(file)).toBe(false);
    await sealSecretFile(file, 'hush', keys);
    expect(await readFile(file.path, 'utf8')).not.toContain('hush');
    expect(await mode(file.path)).toBe(0o600);
    expect(await isSealedFile(file)).toBe(true);
    expect(await readSecretFile(file, keys)).toEqual({ secret: 'hush', state: 'sealed' });
    expect(await readSecretFile(file, keys.rotated())).toEqual({ secret: 'hush', state: 'older' });
    expect(await readdir(directory)).toEqual(['secret']);
  });

  it('behind a link is sealed where it is', async () => {
    await put('hush');
    const alias = join(directory, 'alias');
    await symlink(file.path, alias);
    await sealSecretFile({ ...file, path: alias }, 'hush', keys);
    expect(await realpath(alias)).toBe(await realpath(file.path));
    expect(await readFile(file.path, 'utf8')).not.toContain('hush');
  });

  it('is not written through a link that somebody put in the way', async () => {
    await put('hush');
    const theirs = join(directory, 'theirs');
    await writeFile(theirs, 'theirs');
    await link(theirs, `${file.path}.new`);
    await sealSecretFile(file, 'hush', keys);
    expect(await readFile(theirs, 'utf8')).toBe('theirs');
  });

  it('for another token does not open', async () => {
    await put('hush');
    await sealSecretFile(file, 'hush', keys);
    const other = tokenSecretFile(file.path, 'tacet@pve!restore');
    await expect(readSecretFile(other, keys)).rejects.toMatchObject({ message: /sealed for something else/ });
  });

  it('without its key says which one it takes, and what to do when that is lost', async () => {
    await put('hush');
    await sealSecretFile(file, 'hush', keys);
    await expect(readSecretFile(file, KeyRing.create())).rejects.toMatchObject({
      code: 'invalid-input',
      message: expect.stringContaining(keys.ids[0] ?? '?'),
      hint: expect.stringMatching(/backup.*lost.*--rotate/),
    });
    await expect(readSecretFile(file, undefined)).rejects.toMatchObject({ hint: /--key-file/ });
  });

  it('that is not there is nothing; one that is empty or open to others is refused', async () => {
    expect(await readSecretFile(file, keys)).toBeUndefined();
    await put('');
    await expect(readSecretFile(file, keys)).rejects.toThrow('is empty');
    await put('hush');
    await chmod(file.path, 0o640);
    await expect(readSecretFile(file, keys)).rejects.toMatchObject({ hint: `chmod 600 ${file.path}` });
  });
});
