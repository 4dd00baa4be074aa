import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ManualClock } from '@tacet/runtime';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { CgroupFreezer } from './cgroup-freezer.ts';

const id = 'a'.repeat(64);
const unending = new AbortController().signal;
let root: string;
let cgroup: string;
let clock: ManualClock;
let freezer: CgroupFreezer;

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'tacet-freezer-'));
  cgroup = join(root, 'cgroup/system.slice', `docker-${id}.scope`);
  await mkdir(cgroup, { recursive: true });
  await mkdir(join(root, 'proc/77'), { recursive: true });
  await writeFile(join(cgroup, 'cgroup.freeze'), '0');
  await kernelSays(0);
  clock = new ManualClock();
  freezer = new CgroupFreezer({
    procPath: join(root, 'proc'),
    cgroupPath: join(root, 'cgroup'),
    clock,
  });
});
afterEach(() => rm(root, { recursive: true }));

const kernelSays = (frozen: 0 | 1): Promise<void> =>
  writeFile(join(cgroup, 'cgroup.events'), `populated 1\nfrozen ${frozen}\n`);
const written = (): Promise<string> => readFile(join(cgroup, 'cgroup.freeze'), 'utf8');

describe('the cgroup of a container', () => {
  it.each([
    [`/system.slice/docker-${id}.scope`, `system.slice/docker-${id}.scope`],
    [`/docker/${id}`, `docker/${id}`],
    [`/system.slice/docker-${id}.scope/init.scope`, `system.slice/docker-${id}.scope`],
  ])('is %s → %s', async (line, expected) => {
    await writeFile(join(root, 'proc/77/cgroup'), `0::${line}\n`);
    expect(await freezer.cgroupOf(77)).toBe(join(root, 'cgroup', expected));
  });

  it.each(['0::/\n', '0::/../../x\n', '1:name=systemd:/x\n'])(
    'is never the whole guest (%j)',
    async (content) => {
      await writeFile(join(root, 'proc/77/cgroup'), content);
      await expect(freezer.cgroupOf(77)).rejects.toMatchObject({ code: 'internal' });
    },
  );

  it('is not found when the process is gone', async () => {
    await expect(freezer.cgroupOf(78)).rejects.toMatchObject({ code: 'not-found' });
  });
});

describe('freezing', () => {
  it('waits until the kernel says that everything in it is frozen', async () => {
    const frozen = freezer.freeze(cgroup, unending);
    await clock.whenSleeping();
    expect(await written()).toBe('1');
    await kernelSays(1);
    await clock.advance(10);
    await frozen;
    expect(await freezer.isFrozen(cgroup)).toBe(true);
  });

  it('takes itself back when nobody waits for it any more', async () => {
    const giveUp = new AbortController();
    const frozen = freezer.freeze(cgroup, giveUp.signal);
    await clock.whenSleeping();
    giveUp.abort(new Error('deadline'));
    await expect(frozen).rejects.toThrow('deadline');
    expect(await written()).toBe('0');
  });

  it('fails for a container that is gone, and makes no file where it was', async () => {
    await rm(cgroup, { recursive: true });
    await mkdir(cgroup);
    await expect(freezer.freeze(cgroup, unending)).rejects.toMatchObject({ code: 'not-found' });
    expect(await readdir(cgroup)).toEqual([]);
  });
});

describe('a cgroup', () => {
  it('is still frozen while somebody new in it is being frozen', async () => {
    await writeFile(join(cgroup, 'cgroup.freeze'), '1');
    const frozen = freezer.isFrozen(cgroup);
    await clock.whenSleeping();
    await kernelSays(1);
    await clock.advance(2);
    expect(await frozen).toBe(true);
  });

  it('is not frozen when the kernel never says so, nor when somebody thawed it', async () => {
    await writeFile(join(cgroup, 'cgroup.freeze'), '1');
    const frozen = freezer.isFrozen(cgroup);
    await clock.whenSleeping();
    await clock.advance(210);
    expect(await frozen).toBe(false);
    await writeFile(join(cgroup, 'cgroup.freeze'), '0');
    await kernelSays(1);
    expect(await freezer.isFrozen(cgroup)).toBe(false);
  });
});

describe('thawing', () => {
  it('waits until the kernel says so', async () => {
    await kernelSays(1);
    const thawed = freezer.thaw(cgroup, unending);
    await clock.whenSleeping();
    expect(await written()).toBe('0');
    await kernelSays(0);
    await clock.advance(10);
    await thawed;
  });

  it('is done where the cgroup is gone', async () => {
    await rm(cgroup, { recursive: true });
    await freezer.thaw(cgroup, unending);
    expect(await freezer.isFrozen(cgroup)).toBe(false);
    expect(existsSync(cgroup)).toBe(false);
  });
});
