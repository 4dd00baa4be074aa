import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { CgroupProcesses } from './cgroup-processes.ts';

const processes = new CgroupProcesses();
const within = (ms: number): AbortSignal => AbortSignal.timeout(ms);
let directory: string;
let cgroup: string;
let children: ChildProcess[];

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'tacet-processes-'));
  cgroup = join(directory, 'docker.scope');
  await mkdir(cgroup);
  children = [];
});
afterEach(async () => {
  for (const child of children) child.kill('SIGKILL');
  await rm(directory, { recursive: true });
});

/** Runs until the test ends; its first line of output tells that it has come so far. */
async function start(
  argv: readonly string[],
  env: Record<string, string> = {},
): Promise<{ pid: number; line: string; ended: Promise<unknown> }> {
  const [command = '', ...args] = argv;
  const child = spawn(command, args, {
    env: { PATH: process.env['PATH'] ?? '', ...env },
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  children.push(child);
  const ended = once(child, 'exit');
  const [line] = (await once(createInterface({ input: child.stdout }), 'line')) as [string];
  if (child.pid === undefined) throw new Error('not started');
  return { pid: child.pid, line, ended };
}

const contains = (where: string, pids: readonly number[]): Promise<void> =>
  writeFile(join(where, 'cgroup.procs'), pids.map((pid) => `${pid}\n`).join(''));

/** A zombie that nobody waits for has died too. */
async function lives(pid: number): Promise<boolean> {
  try {
    return !(await readFile(`/proc/${pid}/stat`, 'utf8')).includes(') Z');
  } catch {
    return false;
  }
}

describe('what runs in a cgroup', () => {
  it('are its processes and those of the cgroups below it, by the names of the kernel', async () => {
    const shell = await start(['sh', '-c', 'echo here; read never']);
    const node = await start(['node', '-e', 'console.log(1); setInterval(() => {}, 1000)']);
    await contains(cgroup, [shell.pid]);
    const below = join(cgroup, 'init.scope');
    await mkdir(below);
    await contains(below, [node.pid]);
    const found = await processes.list(cgroup);
    expect(found.map(({ pid }) => pid)).toEqual([shell.pid, node.pid]);
    expect(found[0]?.name).toMatch(/sh$/);
  });

  it('is nothing where the cgroup or its processes are gone', async () => {
    expect(await processes.list(join(directory, 'gone'))).toEqual([]);
    const ended = await start(['sh', '-c', 'echo here']);
    await ended.ended;
    await contains(cgroup, [ended.pid]);
    expect(await processes.list(cgroup)).toEqual([]);
    expect(await processes.sqliteFiles(cgroup)).toEqual([]);
    await processes.killMarked(cgroup, 'TACET_HOLD', within(1_000));
  });
});

const opens = (...paths: string[]): Promise<{ pid: number }> =>
  start([
    'node',
    '-e',
    'for (const path of process.argv.slice(1)) fs.openSync(path, "r+"); console.log(1); setInterval(() => {}, 1000)',
    '--',
    ...paths,
  ]);
const database = async (name: string): Promise<string> => {
  const path = join(directory, name);
  await writeFile(path, `SQLite format 3\0${'x'.repeat(100)}`);
  return path;
};

describe('the databases of a cgroup', () => {
  it('are known by their header, each once, whoever has them open', async () => {
    const [one, two] = [await database('one.db'), await database('two')];
    const other = join(directory, 'other.db');
    await writeFile(other, 'something else, and long enough');
    const link = join(directory, 'link.db');
    await symlink(one, link);
    const holders = [await opens(one, two, other, '/dev/null'), await opens(one), await opens(link)];
    await contains(
      cgroup,
      holders.map(({ pid }) => pid),
    );
    expect(await processes.sqliteFiles(cgroup)).toEqual([
      { path: one, name: one },
      { path: two, name: two },
    ]);
  });

  it('are found by what lies beside them, and not when they were deleted', async () => {
    const [kept, removed] = [await database('kept.db'), await database('removed.db')];
    await writeFile(`${kept}-wal`, '');
    const holder = await opens(`${kept}-wal`, removed);
    await rm(removed);
    await contains(cgroup, [holder.pid]);
    expect(await processes.sqliteFiles(cgroup)).toEqual([{ path: kept, name: kept }]);
  });

  it('are not those that only lie there', async () => {
    await database('closed.db');
    const holder = await opens('/dev/null');
    await contains(cgroup, [holder.pid]);
    expect(await processes.sqliteFiles(cgroup)).toEqual([]);
  });
});

describe('killing what is marked', () => {
  it('reaches children that left their session, and those with another environment', async () => {
    const script =
      'setsid sleep 3600 & far=$!; env -i sleep 3600 & bare=$!; while [ -e /proc/$far ] && ! tr "\\0" " " </proc/$bare/cmdline | grep -q "^sleep"; do :; done; echo $far $bare; wait';
    const marked = await start(['sh', '-c', script], { TACET_HOLD: '1' });
    const spared = await start(['sh', '-c', 'echo here; read never'], { TACET_HOLDER: '1' });
    const descendants = marked.line.split(' ').map(Number);
    await contains(cgroup, [marked.pid, spared.pid, ...descendants]);
    await processes.killMarked(cgroup, 'TACET_HOLD', within(10_000));
    await marked.ended;
    expect(await Promise.all([marked.pid, ...descendants].map(lives))).toEqual([false, false, false]);
    expect(await lives(spared.pid)).toBe(true);
  });

  it('waits no longer than it is told to', async () => {
    const reason = new Error('enough');
    await expect(processes.killMarked(cgroup, 'TACET_HOLD', AbortSignal.abort(reason))).rejects.toBe(reason);
  });
});
