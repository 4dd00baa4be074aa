import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Guest, type Lab, labObstacle, openLab } from '@tacet/lab';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { buildPackages } from './packages/build-packages.ts';

const obstacle = labObstacle();
/** What stands in the guide for a base image of Debian: there is no registry in the lab. */
const base = 'tacet-lab/base:1';
const project = '/root/tacet';

/** As a person types it into a root shell. */
async function type(guest: Guest, commands: string): Promise<string> {
  const script = `set -e\n${commands}`;
  const { exitCode, stdout, stderr } = await guest.exec(['bash', '-c', script], { timeoutMs: 600_000 });
  if (exitCode !== 0) throw new Error(`${commands}\n${stdout}\n${stderr}`);
  return stdout.trim();
}

/** Its body; the certificate is the controller's own, and is not what is tested here. */
function readiness(address: string): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const options = { rejectUnauthorized: false, timeout: 5_000, agent: false };
    const asked = request(`https://${address}:8443/readyz`, options, (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => (text += chunk));
      response.on('end', () => resolve(JSON.parse(text)));
      response.on('error', reject);
    });
    asked.on('timeout', () => asked.destroy(new Error('no answer')));
    asked.on('error', reject);
    asked.end();
  });
}

describe.skipIf(obstacle !== undefined)(
  `the image of the controller${obstacle ? ` (skipped: ${obstacle})` : ''}`,
  () => {
    const cleanup = new AsyncDisposableStack();
    let lab: Lab;
    let guest: Guest;
    beforeAll(async () => {
      const signal = AbortSignal.timeout(1_700_000);
      const packages = await mkdtemp(join(tmpdir(), 'tacet-packages-'));
      cleanup.defer(() => rm(packages, { recursive: true }));
      await buildPackages(packages);
      lab = cleanup.use(await openLab({ signal }));
      guest = await lab.createGuest({ vmid: 120, hostname: 'containers', signal });
      cleanup.defer(() => guest.destroy());
      await guest.start(signal);
      await guest.waitForEngine(signal);
      const context = (await readdir(packages)).find((name) => name.endsWith('.context.tar.gz')) ?? '';
      await guest.writeFile('/root/context.tar.gz', await readFile(join(packages, context)));
    });
    afterAll(() => cleanup.disposeAsync());

    it('is built on the base that is asked for, and starts with the compose file beside it', async () => {
      // The builder that needs no plugin, and what a registry is not asked for.
      await type(
        guest,
        `DOCKER_BUILDKIT=0 docker build --build-arg BASE=${base} --tag tacet-controller - < /root/context.tar.gz
         mkdir ${project}
         tar --extract --gzip --file /root/context.tar.gz --directory ${project} ./compose.yaml
         cd ${project}
         docker compose run --rm --entrypoint tacet controller setup --address ${guest.address()}
         docker compose up --detach --wait --wait-timeout 120`,
      );
      expect(await readiness(guest.address())).toEqual({ status: 'ready' });
      expect(await type(guest, `cd ${project}; docker compose logs controller`)).toContain('/setup#token=');
    });

    it('is not root, has no capability, and can write to its two volumes alone', async () => {
      const script = [
        'id -u',
        'grep -E "^(CapEff|CapBnd|NoNewPrivs):" /proc/1/status',
        'for place in / /usr/lib/tacet /etc /home; do touch $place/x 2>/dev/null && echo "wrote $place"; done',
        'touch /etc/tacet/x /var/lib/tacet-controller/x /tmp/x && echo volumes',
      ].join('\n');
      const said = await type(guest, `cd ${project}; docker compose exec -T controller sh -c '${script}'`);
      expect(said.split('\n').map((line) => line.replaceAll(/\s+/g, ' '))).toEqual([
        '64646',
        'CapEff: 0000000000000000',
        'CapBnd: 0000000000000000',
        'NoNewPrivs: 1',
        'volumes',
      ]);
    });

    it('is what its own command line speaks to, and keeps its state when it is made anew', async () => {
      const status = `cd ${project}; docker compose exec -T controller tacet --json status`;
      expect(JSON.parse(await type(guest, status))).toMatchObject({ guests: [] });
      const fingerprint = 'docker compose exec -T controller cat /var/lib/tacet-controller/cli.json';
      const before = await type(guest, `cd ${project}; ${fingerprint}`);
      await type(guest, `cd ${project}; docker compose down; docker compose up --detach --wait`);
      expect(await type(guest, `cd ${project}; ${fingerprint}`)).toBe(before);
    });

    it('is called unhealthy while it cannot work', async () => {
      const health = `cd ${project}; docker compose exec -T controller /usr/lib/tacet/node /usr/lib/tacet/container/health.mjs`;
      expect(await type(guest, health)).toBe('/readyz answers 200');
      // Something else answers where the controller should.
      const other = `sed 's/"fingerprint":"../"fingerprint":"00/; s/"fingerprint": "../"fingerprint": "00/' /var/lib/tacet-controller/cli.json > /tmp/other.json`;
      await type(
        guest,
        `cd ${project}; docker compose exec -T controller sh -c '${other.replaceAll("'", String.raw`'\''`)}'`,
      );
      const { exitCode, stdout } = await guest.exec(['sh', '-c', `${health} /tmp/other.json`]);
      expect([exitCode, stdout.trim()]).toEqual([1, 'who answers is not the controller of this container']);
    });
  },
);
