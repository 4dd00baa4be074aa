import { readFile } from 'node:fs/promises';
import { DockerEngine } from '@tacet/agent/src/engine/docker-engine.ts';
import { lookAtGuest } from '@tacet/agent/src/facts/guest-facts.ts';
import { parseMountinfo } from '@tacet/agent/src/guest/mountinfo.ts';
import { type Guest, labObstacle, lxcInitPid, openLab } from '@tacet/lab';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const obstacle = labObstacle();
const within = (ms: number): AbortSignal => AbortSignal.timeout(ms);

describe.skipIf(obstacle !== undefined)(
  `the facts of a real guest${obstacle ? ` (skipped: ${obstacle})` : ''}`,
  () => {
    const cleanup = new AsyncDisposableStack();
    let guest: Guest;

    beforeAll(async () => {
      const lab = cleanup.use(await openLab({ signal: within(1_700_000) }));
      guest = await lab.createGuest({ vmid: 152, hostname: 'facts' });
      await guest.start();
      await guest.waitForEngine(within(120_000));
    });
    afterAll(() => cleanup.disposeAsync());

    it('are the storage driver that Docker names, and what no backup has of its volumes', async () => {
      const volumes = ['/var/tmp/scratch:/scratch', '/tmp/read:/read:ro', 'named:/named', '/opt/conf:/conf'];
      const options = volumes.flatMap((volume) => ['--volume', volume]);
      const created = await guest.exec(['docker', 'create', '--name', 'keeper', ...options, 'nginx:1']);
      expect(created.stderr).toBe('');
      const info = await guest.exec(['docker', 'info', '--format', '{{.Driver}} {{.ServerVersion}}']);
      const [storageDriver, version] = info.stdout.trim().split(' ');

      const init = await lxcInitPid(guest.vmid);
      const engine = new DockerEngine({ socketPath: `/proc/${init}/root/run/docker.sock` });
      const mounts = async () => parseMountinfo(await readFile(`/proc/${init}/mountinfo`, 'utf8'));
      const facts = await lookAtGuest(engine, { mounts }, within(30_000));
      expect(facts.engine).toEqual({ version, storageDriver });
      expect(facts.engine.storageDriver).toMatch(/^overlay/);
      expect(facts.outside).toEqual([
        {
          stack: 'keeper',
          service: 'keeper',
          source: '/var/tmp/scratch',
          target: '/scratch',
          mount: null,
        },
      ]);
    });
  },
);
