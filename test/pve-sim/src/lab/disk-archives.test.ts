import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ArchiveGarbageError } from '../backend.ts';
import { DiskArchives } from './disk-archives.ts';

const NAME = 'vzdump-lxc-101-2026_11_22-14_10_02.tar.gz';

describe('backups on disk', () => {
  const archives = new DiskArchives();
  let dir = '';

  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'pve-sim-archives-'));
  });

  afterEach(() => {
    rmSync(dir, { recursive: true, force: true });
  });

  function makeArchive(): string {
    const source = join(dir, 'source');
    mkdirSync(join(source, 'etc', 'vzdump'), { recursive: true });
    writeFileSync(join(source, 'etc', 'vzdump', 'pct.conf'), 'hostname: web\n');
    writeFileSync(join(source, 'data'), 'x'.repeat(500_000));
    execFileSync('tar', ['-czf', join(dir, NAME), '-C', source, './etc/vzdump/pct.conf', './data']);
    return join(dir, NAME);
  }

  it('are listed with their notes and protection, and nothing else is', async () => {
    const path = makeArchive();
    await archives.setNotes(path, 'app consistent\nproof 7');
    await archives.setProtected(path, true);
    await archives.writeLog(path.replace('.tar.gz', '.log'), 'INFO: …\n');
    writeFileSync(join(dir, 'vzdump-lxc-101-2026_11_22-14_10_03.dat'), '');
    const [archive, ...others] = await archives.list(dir);
    expect(others).toEqual([]);
    expect(archive).toMatchObject({ path, notes: 'app consistent\nproof 7', protected: true });
    await archives.setProtected(path, false);
    expect((await archives.list(dir))[0]?.protected).toBe(false);
    expect(await archives.remove(path)).toBe(true);
    expect(await archives.remove(path)).toBe(false);
    expect(await archives.list(dir)).toEqual([]);
    expect(await archives.list(join(dir, 'nowhere'))).toEqual([]);
  });

  it('give their configuration; garbage says what it is', async () => {
    expect(await archives.config(makeArchive())).toBe('hostname: web\n');
    expect(await archives.config(join(dir, 'missing.tar.gz'))).toBeUndefined();
    writeFileSync(join(dir, 'bad.tar.gz'), 'not an archive');
    await expect(archives.config(join(dir, 'bad.tar.gz'))).rejects.toBeInstanceOf(ArchiveGarbageError);
  });
});
