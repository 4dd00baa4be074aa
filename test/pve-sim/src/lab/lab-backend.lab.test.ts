import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Guest, type Lab, labObstacle, openLab } from '@tacet/lab';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type FinishedTask, RawClient, type RawRequest, upidOf } from '../replay/raw-client.ts';
import { ROOT } from '../replay/recorded-node.ts';
import { startPveSim } from '../sim.ts';
import { LabBackend, labStorages } from './lab-backend.ts';

const obstacle = labObstacle();
const auth = 'root@pam!root';
const MARKER = '/root/marker';

const vzdump = (params: Record<string, string | number>): RawRequest => ({
  method: 'POST',
  path: '/nodes/pve1/vzdump',
  params: { vmid: 151, storage: 'local', compress: 'zstd', ...params },
  auth,
});

describe.skipIf(obstacle !== undefined)(
  `the simulator over real guests${obstacle ? ` (skipped: ${obstacle})` : ''}`,
  () => {
    const cleanup = new AsyncDisposableStack();
    let lab: Lab;
    let guest: Guest;
    let client: RawClient;
    let dumpDir: string;

    beforeAll(async () => {
      lab = cleanup.use(await openLab({ signal: AbortSignal.timeout(1_700_000) }));
      guest = await lab.createGuest({ vmid: 151, hostname: 'real' });
      await guest.start();
      const storages = labStorages(lab);
      const sim = cleanup.use(await startPveSim({ backend: new LabBackend(lab), storages, users: [ROOT] }));
      client = cleanup.use(new RawClient(sim));
      dumpDir = join(lab.scratchDirectory, 'local', 'dump');
    });

    afterAll(() => cleanup.disposeAsync());

    async function run(request: RawRequest): Promise<FinishedTask> {
      return await client.finish(await client.send(request), auth, 300_000);
    }

    async function newestArchive(): Promise<string> {
      const names = (await readdir(dumpDir)).filter((name) => name.endsWith('.tar.zst'));
      return `local:backup/${names.toSorted().at(-1)}`;
    }

    it('backs a running guest up in snapshot mode and restores it elsewhere as it was', async () => {
      await guest.writeFile(MARKER, 'before');
      const { exitstatus, log } = await run(vzdump({ mode: 'snapshot', 'notes-template': '{{guestname}}' }));
      expect(log).toContain("INFO: create storage snapshot 'vzdump'");
      expect(exitstatus).toBe('OK');
      expect(await guest.snapshots()).toEqual([]);
      const files = await readdir(dumpDir);
      expect(files.map((file) => file.replace(/^vzdump-lxc-151-[\d_-]+/, '')).toSorted()).toEqual([
        '.log',
        '.tar.zst',
        '.tar.zst.notes',
      ]);
      await guest.writeFile(MARKER, 'after');

      const ostemplate = await newestArchive();
      const params = { vmid: 152, ostemplate, restore: 1, storage: 'lab', unique: 1, start: 1 };
      const restored = await run({ method: 'POST', path: '/nodes/pve1/lxc', params, auth });
      expect(restored.exitstatus).toBe('OK');
      const copy = lab.guest(152);
      expect(await copy?.status()).toBe('running');
      expect((await copy?.readFile(MARKER))?.toString()).toBe('before');
      expect(copy?.mac).not.toBe(guest.mac);
      const config = await client.send({ method: 'GET', path: '/nodes/pve1/lxc/152/config', auth });
      expect(config.text).toContain(copy?.mac);
      await run({ method: 'DELETE', path: '/nodes/pve1/lxc/152', params: { force: 1 }, auth });
      expect(lab.guest(152)).toBeUndefined();
    });

    for (const mode of ['suspend', 'stop']) {
      it(`backs it up in ${mode} mode and has it running again`, async () => {
        const { exitstatus } = await run(vzdump({ mode }));
        expect(exitstatus).toBe('OK');
        expect(await guest.status()).toBe('running');
        expect(await guest.snapshots()).toEqual([]);
      });
    }

    it('leaves nothing behind when a backup is aborted', async () => {
      const before = (await readdir(dumpDir)).filter((name) => !name.endsWith('.log'));
      const started = await client.send(vzdump({ mode: 'snapshot' }));
      await client.waitForLine(started, 'INFO: creating');
      const path = `/nodes/pve1/tasks/${encodeURIComponent(upidOf(started))}`;
      await client.send({ method: 'DELETE', path, auth });
      expect((await client.finish(started, auth, 60_000)).exitstatus).toBe('job errors');
      expect(await guest.snapshots()).toEqual([]);
      expect(await guest.status()).toBe('running');
      expect((await readdir(dumpDir)).filter((name) => !name.endsWith('.log'))).toEqual(before);
    });

    it('writes the log of each backup beside it', async () => {
      const [log = ''] = (await readdir(dumpDir)).filter((name) => name.endsWith('.log'));
      expect(await readFile(join(dumpDir, log), 'utf8')).toMatch(/INFO: Starting Backup of VM 151 \(lxc\)/);
    });
  },
);
