import { readdir, readFile, rmdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { unifiedCgroupRoot } from '../host/features.ts';
import { mountsOf } from '../host/mounts.ts';
import { pollUntil } from '../host/poll.ts';
import { containerName } from './lxc-config.ts';

// LXC puts a number behind a name that a crash left behind.
const pattern = new RegExp(
  `^lxc\\.(?:payload|monitor)\\.${containerName(0).replace(/0$/, '(\\d+)')}(?:-\\d+)?$`,
);

/** VMIDs of the guests that the kernel knows of, which no crash of ours can make it forget. */
export async function vmidsWithCgroups(): Promise<number[]> {
  const found = (await guestCgroups()).map(({ vmid }) => vmid);
  return [...new Set(found)];
}

/** Kills all processes of a guest and its monitor without LXC's help, and removes the cgroups LXC would. */
export async function killByCgroup(vmid: number): Promise<void> {
  const groups = (await guestCgroups()).filter((group) => group.vmid === vmid);
  const unified = groups.map(({ path }) => path).filter((path) => path.startsWith(unifiedCgroupRoot()));
  for (const path of unified) {
    await writeFile(join(path, 'cgroup.kill'), '1');
    await pollUntil(async () => ((await isPopulated(path)) ? undefined : true), {
      what: `the processes in ${path} end`,
      timeoutMs: 20_000,
    });
  }
  for (const { path } of groups) await removeTree(path);
}

async function isPopulated(group: string): Promise<boolean> {
  return /^populated 1$/m.test(await readFile(join(group, 'cgroup.events'), 'utf8'));
}

/** In every hierarchy: one on a machine with cgroup v2 only, about ten on a mixed one. */
async function guestCgroups(): Promise<{ vmid: number; path: string }[]> {
  const roots = (await mountsOf('self')).filter(({ type }) => type === 'cgroup' || type === 'cgroup2');
  const found: { vmid: number; path: string }[] = [];
  for (const { mountPoint } of roots) {
    for (const name of await readdir(mountPoint)) {
      const vmid = pattern.exec(name)?.[1];
      if (vmid !== undefined) found.push({ vmid: Number(vmid), path: join(mountPoint, name) });
    }
  }
  return found;
}

/** A cgroup's files cannot be removed, only its directories, the deepest first. */
async function removeTree(group: string): Promise<void> {
  for (const entry of await readdir(group, { withFileTypes: true })) {
    if (entry.isDirectory()) await removeTree(join(group, entry.name));
  }
  await rmdir(group);
}
