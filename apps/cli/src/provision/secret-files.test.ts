import { chmod, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { readSecret, reserveSecret } from './secret-files.ts';

let directory: string;
let path: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'tacet-secrets-'));
  path = join(directory, 'below', 'pve1-guest-101.secret');
  return () => rm(directory, { recursive: true });
});

const read = (): Promise<string | undefined> =>
  readSecret({ secretFile: path, tokenId: 'guest-101' }, 'tacet@pve', undefined);

const write = async (secret: string): Promise<void> => {
  await using room = await reserveSecret(path);
  await room.write(secret);
};

describe('the file of a secret', () => {
  it('is its owner’s alone, whatever the umask is, and replaces the one before', async () => {
    const before = process.umask(0);
    try {
      await write('first');
      await write('second-1');
    } finally {
      process.umask(before);
    }
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    expect((await stat(join(path, '..'))).mode & 0o777).toBe(0o700);
    expect(await read()).toBe('second-1');
    expect(await readdir(join(path, '..'))).toEqual(['pve1-guest-101.secret']);
  });

  it('leaves no trace, and the one before, when no secret comes', async () => {
    await write('first');
    {
      await using _room = await reserveSecret(path);
    }
    expect(await read()).toBe('first');
    expect(await readdir(join(path, '..'))).toEqual(['pve1-guest-101.secret']);
  });

  it('is not written through a link that somebody put there', async () => {
    await write('first');
    const elsewhere = join(directory, 'elsewhere');
    await writeFile(elsewhere, 'theirs');
    await symlink(elsewhere, `${path}.new`);
    await write('second');
    expect(await readFile(elsewhere, 'utf8')).toBe('theirs');
    expect(await read()).toBe('second');
  });

  it.runIf(process.getuid?.() === 0)('made by root belongs to whom the directory belongs to', async () => {
    const { chown } = await import('node:fs/promises');
    await chown(directory, 12_345, 12_346);
    path = join(directory, 'pve1-guest-101.secret');
    await write('first');
    expect(await stat(path)).toMatchObject({ uid: 12_345, gid: 12_346 });
  });

  it('that cannot be written is known before there is a secret', async () => {
    await writeFile(join(directory, 'below'), 'a file, not a directory');
    await expect(reserveSecret(path)).rejects.toMatchObject({
      message: `cannot write ${path}`,
      hint: expect.stringContaining('--secrets'),
    });
  });

  it('that is not there is nothing; one that others may read, or that holds something else, is refused', async () => {
    expect(await read()).toBeUndefined();
    await write('first');
    await chmod(path, 0o640);
    await expect(read()).rejects.toMatchObject({ hint: `chmod 600 ${path}` });
    await chmod(path, 0o600);
    await writeFile(path, 'PVEAPIToken=tacet@pve!guest-101=abc\n');
    const refused = read();
    await expect(refused).rejects.toThrow('does not hold the secret of a token');
    await expect(refused).rejects.not.toThrow('abc');
  });
});
