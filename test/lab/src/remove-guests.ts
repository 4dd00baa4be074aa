import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { killByCgroup, vmidsWithCgroups } from './guest/cgroups.ts';
import { lxcKill } from './guest/lxc-process.ts';
import { isMounted } from './host/mounts.ts';
import { paths } from './host/paths.ts';
import { pollUntil } from './host/poll.ts';
import { deleteSubvolume } from './host/storage.ts';
import { templateSubvolume } from './images/build-template.ts';

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

async function killGuest(vmid: number): Promise<void> {
  const isGone = async () => ((await vmidsWithCgroups()).includes(vmid) ? undefined : true);
  try {
    await lxcKill(vmid);
    await pollUntil(isGone, { what: `guest ${vmid} is gone`, timeoutMs: 5000 });
  } catch {
    // LXC's monitor of that guest was killed or hangs. Whatever the reason, the kernel can do it alone, and
    // says so itself when it cannot.
    await killByCgroup(vmid);
  }
}
