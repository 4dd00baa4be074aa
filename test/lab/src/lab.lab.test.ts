import { existsSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { vmidsWithCgroups } from './guest/cgroups.ts';
import { findBridge } from './host/bridge.ts';
import { isMounted, loopDevicesOf } from './host/mounts.ts';
import { paths } from './host/paths.ts';
import { run } from './host/run.ts';
import {
  type AckCollector,
  bridge,
  containerStates,
  findMissingWrites,
  type Guest,
  type Lab,
  labObstacle,
  openAckCollector,
  openLab,
  stack,
  startStack,
} from './index.ts';
import { progressDisplay } from './progress-display.ts';

const obstacle = labObstacle();
const deadline = (ms: number) => AbortSignal.timeout(ms);

describe.skipIf(obstacle !== undefined)(`the lab${obstacle ? ` (skipped: ${obstacle})` : ''}`, () => {
  const cleanup = new AsyncDisposableStack();
  let lab: Lab;
  let collector: AckCollector;
  let guest: Guest;

  beforeAll(async () => {
    using display = progressDisplay(process.stderr);
    lab = cleanup.use(await openLab({ signal: deadline(1_700_000), onProgress: display.report }));
    const file = join(lab.scratchDirectory, 'acknowledged.jsonl');
    collector = cleanup.use(await openAckCollector({ file }));
    guest = await lab.createGuest({ vmid: 101, hostname: 'shop' });
  });

  afterAll(() => cleanup.disposeAsync());

  it('brings up a guest with an engine and the whole stack writing', async () => {
    await guest.writeFile('/opt/before.sh', '#!/bin/sh\necho written while stopped\n', 0o755);
    await guest.start();
    await guest.waitForEngine(deadline(60_000));
    expect(await guest.status()).toBe('running');
    expect((await guest.exec(['/opt/before.sh'])).stdout).toBe('written while stopped\n');

    await startStack(guest);

    expect(await containerStates(guest)).toEqual({
      db: 'running',
      cache: 'running',
      web: 'running',
      writer: 'running',
    });
    for (const stream of ['postgres', 'redis'] as const) {
      await collector.next(stream, guest.address(), deadline(30_000));
    }
  });

  it('is unprivileged: root in the guest is nobody on the host', async () => {
    await guest.writeFile('/root/owner', 'x');
    const { uid } = await stat(join(guest.rootPath, 'root/owner'));
    expect(uid).toBe(100_000);
    const readOnly = await guest.exec(['sh', '-c', 'echo 1 >/proc/sys/vm/drop_caches']);
    expect(readOnly.exitCode).not.toBe(0);
  });

  it('passes exit codes, both outputs and bytes through', async () => {
    const result = await guest.exec(['sh', '-c', 'cat; echo oops >&2; exit 7'], { stdin: 'in' });
    expect(result).toEqual({ exitCode: 7, stdout: 'in', stderr: 'oops\n' });
    const bytes = Uint8Array.from({ length: 256 }, (_, value) => value);
    await guest.writeFile('/root/made/on the way/bytes', bytes, 0o600);
    expect(await guest.readFile('/root/made/on the way/bytes')).toEqual(Buffer.from(bytes));
  });

  it('ends a program in the guest when its deadline passes', async () => {
    await expect(guest.exec(['sleep', '4321'], { timeoutMs: 500 })).rejects.toThrow(/500 ms/);
    const found = await guest.exec(['pgrep', '--full', 'sleep 4321'], { timeoutMs: 5000 });
    expect(found.exitCode).toBe(1);
  });

  it('stops all writes for as long as the guest is frozen, and they go on after', async () => {
    const from = Date.now();
    await guest.freeze();
    expect(await guest.status()).toBe('frozen');
    const frozenSince = Date.now();
    await expect(collector.next('postgres', guest.address(), deadline(2000))).rejects.toThrow(/timeout/);
    await guest.unfreeze();
    const thawedAt = Date.now();
    await collector.next('postgres', guest.address(), deadline(10_000));
    await collector.next('redis', guest.address(), deadline(10_000));
    const window = { from, to: Date.now(), guestAddress: guest.address() };
    for (const stream of ['postgres', 'redis'] as const) {
      const gap = collector.longestGap(stream, window);
      expect(gap).toBeGreaterThanOrEqual(1900);
      expect(gap).toBeLessThan(thawedAt - frozenSince + 5000);
    }
    expect(await guest.status()).toBe('running');
  });

  it('hears nothing from a guest whose cable is pulled, and hears it again after', async () => {
    await guest.cutNetwork();
    await expect(collector.next('redis', guest.address(), deadline(6000))).rejects.toThrow(/timeout/);
    await guest.restoreNetwork();
    await collector.next('redis', guest.address(), deadline(5000));
  });

  it('thaws the guest also when something fails while it is frozen', async () => {
    const fails = guest.snapshot('broken', {
      whileFrozen: () => Promise.reject(new Error('storage on fire')),
    });
    await expect(fails).rejects.toThrow('storage on fire');
    expect(await guest.status()).toBe('running');
    expect(await guest.snapshots()).toEqual([]);
  });

  it('restores a running guest under another VMID with every write PostgreSQL acknowledged', async () => {
    const target = join(lab.scratchDirectory, 'guest.tar.zst');
    for (let write = 0; write < 200; write += 1) {
      await collector.next('postgres', guest.address(), deadline(10_000));
    }
    const timings = await guest.snapshot('vzdump');
    expect(timings.frozenMs).toBeGreaterThan(0);
    const archived = await guest.archive({ snapshot: 'vzdump', target });
    await guest.deleteSnapshot('vzdump');
    expect(archived.archiveBytes).toBeLessThan(archived.bytesRead);

    const copy = await lab.restoreGuest({ vmid: 201, archive: target, unique: true });
    await copy.start();
    await copy.waitForEngine(deadline(60_000));

    expect(copy.hostname).toBe('shop');
    expect(copy.address()).not.toBe(guest.address());
    expect(copy.mac).not.toBe(guest.mac);
    expect(await copy.readFile('/etc/machine-id')).toEqual(await guest.readFile('/etc/machine-id'));
    expect(await guest.status()).toBe('running');

    const states = await containerStates(copy);
    for (const service of stack.withoutRestartPolicy) expect(states[service]).toBe('exited');

    // The services with a restart policy come up by themselves; wait for their health, not for the writer.
    await startStack(copy);
    const before = timings.frozenAt;
    const results = await findMissingWrites(copy, collector, { before, guestAddress: guest.address() });
    const postgres = results.find(({ stream }) => stream === 'postgres');
    expect(postgres?.acknowledged).toBeGreaterThan(100);
    expect(postgres?.missing).toEqual([]);
    // Nobody asked Redis to dump, so its newest writes are not in the copy: the comparison can fail.
    const redis = results.find(({ stream }) => stream === 'redis');
    expect(redis?.missing.length).toBeGreaterThan(0);

    await collector.next('postgres', copy.address(), deadline(30_000));
    await collector.next('postgres', guest.address(), deadline(30_000));
  });

  it('leaves no guest behind when an archive is cut short', async () => {
    const whole = join(lab.scratchDirectory, 'guest.tar.zst');
    const cut = join(lab.scratchDirectory, 'cut.tar.zst');
    await run(['sh', '-c', 'head -c 1000000 "$1" >"$2"', 'sh', whole, cut]);
    await expect(lab.restoreGuest({ vmid: 202, archive: cut })).rejects.toThrow(/tar/);
    expect(lab.guest(202)).toBeUndefined();
    expect(existsSync(join(paths.storage, 'restore-202'))).toBe(false);
  });

  it('restores from a snapshot what an archive of it would have had', async () => {
    await guest.writeFile('/root/kept', 'yes');
    await guest.writeFile('/tmp/.left/out', 'no');
    await guest.snapshot('direct');
    const copy = await lab.restoreGuest({ vmid: 203, snapshot: { vmid: 101, name: 'direct' } });
    await guest.deleteSnapshot('direct');
    expect(copy.hostname).toBe('shop');
    expect(copy.mac).toBe(guest.mac);
    expect(await copy.readFile('/etc/machine-id')).toEqual(await guest.readFile('/etc/machine-id'));
    expect((await copy.readFile('/root/kept')).toString()).toBe('yes');
    await expect(copy.readFile('/tmp/.left/out')).rejects.toThrow(/No such file/);
    await copy.destroy();
    const gone = lab.restoreGuest({ vmid: 203, snapshot: { vmid: 101, name: 'direct' } });
    await expect(gone).rejects.toThrow(/btrfs subvolume snapshot/);
    expect(lab.guest(203)).toBeUndefined();
  });

  it('rolls a stopped guest back to a snapshot', async () => {
    const copy = lab.guest(201);
    if (!copy) throw new Error('guest 201 is gone');
    await copy.shutdown(deadline(60_000));
    expect(await copy.status()).toBe('stopped');
    await copy.writeFile('/root/state', 'old');
    await copy.snapshot('before');
    await copy.writeFile('/root/state', 'new');
    await copy.rollback('before');
    expect((await copy.readFile('/root/state')).toString()).toBe('old');
    await copy.destroy();
    expect(lab.guests().map(({ vmid }) => vmid)).toEqual([101]);
  });

  it('leaves nothing on the machine when it is taken down, frozen guests included', async () => {
    await guest.freeze();
    await lab[Symbol.asyncDispose]();
    expect(await vmidsWithCgroups()).toEqual([]);
    expect(await isMounted(paths.storage)).toBe(false);
    expect(await loopDevicesOf(paths.storageImage)).toEqual([]);
    expect(await findBridge()).toBe('missing');
    expect(existsSync(paths.state)).toBe(false);
    expect(bridge.name).toBe(lab.bridge.name);
    const { stdout } = await run(['ps', '-eo', 'args']);
    expect(stdout.split('\n').filter((line) => line.includes('tacet-lab-'))).toEqual([]);
  });
});
