import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { unifiedCgroupRoot } from '../host/features.ts';
import { pollUntil } from '../host/poll.ts';
import { containerName } from './lxc-config.ts';

/** The guest's own cgroup; its systemd and its containers are below. */
export function guestCgroup(vmid: number): string {
  return join(unifiedCgroupRoot(), `lxc.payload.${containerName(vmid)}`);
}

/** Stops or continues every process of the guest; resolves when the kernel says that it is so. */
export async function setFrozen(vmid: number, frozen: boolean): Promise<void> {
  await writeFile(join(guestCgroup(vmid), 'cgroup.freeze'), frozen ? '1' : '0');
  await pollUntil(async () => ((await isFrozen(vmid)) === frozen ? true : undefined), {
    what: `guest ${vmid} is ${frozen ? 'frozen' : 'thawed'}`,
    timeoutMs: 10_000,
    intervalMs: 1,
  });
}

export async function isFrozen(vmid: number): Promise<boolean> {
  try {
    return /^frozen 1$/m.test(await readFile(join(guestCgroup(vmid), 'cgroup.events'), 'utf8'));
  } catch (error) {
    // No cgroup: the guest has just stopped, and what does not run is not frozen.
    if (['ENOENT', 'ENODEV'].includes((error as NodeJS.ErrnoException).code ?? '')) return false;
    throw error;
  }
}
