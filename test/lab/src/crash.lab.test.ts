import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { vmidsWithCgroups } from './guest/cgroups.ts';
import { findBridge } from './host/bridge.ts';
import { unifiedCgroupRoot } from './host/features.ts';
import { acquireLabLock } from './host/lock.ts';
import { isMounted, loopDevicesOf } from './host/mounts.ts';
import { paths } from './host/paths.ts';
import { labObstacle } from './obstacle.ts';
import { takeDown } from './take-down.ts';

const obstacle = labObstacle();

describe.skipIf(obstacle !== undefined)(`a crashed lab${obstacle ? ` (skipped: ${obstacle})` : ''}`, () => {
  it('is taken down whole, also when LXC’s own monitor of a frozen guest was killed', async () => {
    const victim = spawn(process.execPath, [resolve(import.meta.dirname, '../fixtures/crash-victim.ts')], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await once(victim.stdout, 'data', { signal: AbortSignal.timeout(1_700_000) });
    const monitor = `${unifiedCgroupRoot()}/lxc.monitor.tacet-lab-150/cgroup.procs`;
    const monitorPids = (await readFile(monitor, 'utf8')).trim().split('\n').map(Number);
    victim.kill('SIGKILL');
    await once(victim, 'close');
    for (const pid of monitorPids) process.kill(pid, 'SIGKILL');

    // The kernel let go of the dead process's lock. Whoever gets it next cleans up, this test or another suite.
    const lock = await acquireLabLock(() => undefined, AbortSignal.timeout(1_700_000));
    try {
      await takeDown();
      expect(await vmidsWithCgroups()).toEqual([]);
      expect(await isMounted(paths.storage)).toBe(false);
      expect(await loopDevicesOf(paths.storageImage)).toEqual([]);
      expect(await findBridge()).toBe('missing');
      expect(existsSync(paths.state)).toBe(false);
      // And once more, when there is nothing to do.
      await takeDown();
    } finally {
      await lock.release();
    }
  }, 1_800_000);
});
