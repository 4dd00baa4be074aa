import { readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { containerName } from './guest/lxc-config.ts';
import { lxcKill } from './guest/lxc-process.ts';
import { unifiedCgroupRoot } from './host/features.ts';
import { isMounted } from './host/mounts.ts';
import { paths } from './host/paths.ts';
import { pollUntil } from './host/poll.ts';
import { deleteSubvolume } from './host/storage.ts';
import { templateSubvolume } from './images/build-template.ts';

const cgroupPattern = new RegExp(`^lxc\\.(payload|monitor)\\.${containerName(0).replace('0', '(\\d+)')}$`);

/** Stops every guest of the lab, whoever started it, and removes all that is theirs; the template stays. */
export async function removeAllGuests(): Promise<void> {
  for (const vmid of await vmidsWithCgroups()) await killGuest(vmid);
  if (await isMounted(paths.storage)) {
    for (const name of await readdir(paths.storage)) {
      if (name !== templateSubvolume) await deleteSubvolume(join(paths.storage, name));
    }
  }
  await rm(paths.guests, { recursive: true, force: true });
}

/** What the kernel knows to run, which a crash cannot make it forget. */
export async function vmidsWithCgroups(): Promise<number[]> {
  const vmids = new Set<number>();
  for (const name of await readdir(unifiedCgroupRoot())) {
    const vmid = cgroupPattern.exec(name)?.[2];
    if (vmid !== undefined) vmids.add(Number(vmid));
  }
  return [...vmids];
}

async function killGuest(vmid: number): Promise<void> {
  const groups = ['payload', 'monitor'].map((part) =>
    join(unifiedCgroupRoot(), `lxc.${part}.${containerName(vmid)}`),
  );
  try {
    await lxcKill(vmid);
  } catch {
    // Its monitor is gone or does not answer; the kernel still knows which processes are the guest's.
    for (const group of groups) await killCgroup(group);
  }
  await pollUntil(async () => ((await vmidsWithCgroups()).includes(vmid) ? undefined : true), {
    what: `the processes of guest ${vmid} end`,
    timeoutMs: 20_000,
  });
}

async function killCgroup(group: string): Promise<void> {
  try {
    await writeFile(join(group, 'cgroup.kill'), '1');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
}
