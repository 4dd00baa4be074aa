import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { promisify } from 'node:util';
import { HttpControllerApi, readControllerFile } from '@tacet/cli';
import { type LabStage, openLabStage } from '@tacet/demo';
import { type Guest, labObstacle, openLab } from '@tacet/lab';
import {
  eventListSchema,
  type Guest as GuestView,
  guestListSchema,
  guestSchema,
  type StoredEvent,
} from '@tacet/protocol';
import { afterAll, beforeAll, describe, expect, it, onTestFailed } from 'vitest';

const keygen = '/usr/bin/ssh-keygen';
const obstacle = labObstacle() ?? (existsSync(keygen) ? undefined : `there is no ${keygen}`);
const never = new AbortController().signal;
const patienceMs = 180_000;
const original = 101;
const copied = 201;
const hostKey = '/etc/ssh/ssh_host_ed25519_key';

interface Identity {
  machineId: string;
  hostKey: string;
  engineFile: string;
}

describe.skipIf(obstacle !== undefined)(
  `a copy of a real guest that is adopted${obstacle ? ` (skipped: ${obstacle})` : ''}`,
  () => {
    const cleanup = new AsyncDisposableStack();
    let stage: LabStage;
    let http: HttpControllerApi;

    beforeAll(async () => {
      const signal = AbortSignal.timeout(1_700_000);
      const lab = cleanup.use(await openLab({ signal }));
      stage = cleanup.use(await openLabStage({ lab, leaseMs: 15_000, signal }));
      http = cleanup.use(new HttpControllerApi(await readControllerFile(stage.controllerFile)));
      await lendSshKeygen(stage.guest);
      await inGuest(stage.guest, 'mkdir', '-p', '/etc/ssh');
      await inGuest(stage.guest, 'ssh-keygen', '-A');
      cleanup.defer(() => lab.guest(copied)?.destroy());
    });
    afterAll(() => cleanup.disposeAsync());

    it('makes anew what it must not share, tells it, and does it once', async () => {
      const before = await identityOf(stage.guest);
      const engine = await engineId(stage.guest);
      await stage.guest.snapshot('copied');
      const snapshot = { vmid: original, name: 'copied' };
      const copy = await stage.lab.restoreGuest({ vmid: copied, snapshot, unique: true });
      onTestFailed(async () => {
        const log = await copy.exec(['journalctl', '-u', 'tacet-agent', '-n', '60', '-o', 'cat']);
        process.stderr.write(log.stdout);
      });
      await copy.start();
      await expect.poll(quarantined, { timeout: patienceMs, interval: 500 }).toBeDefined();
      const id = (await quarantined())?.id ?? '';
      expect(await identityOf(copy)).toEqual(before);

      const regenerate = ['machine-id', 'ssh-host-keys', 'engine-id'];
      await http.post(guestSchema, `/guests/${id}/adoption`, { regenerate }, never);
      await expect.poll(async () => (await told()).length, { timeout: patienceMs, interval: 500 }).toBe(3);
      const events = await told();
      for (const { message } of events) process.stderr.write(`${message}\n`);
      expect(events.map(({ type }) => type)).toEqual(regenerate.map(() => 'identity.regenerated'));

      const after = await identityOf(copy);
      for (const key of ['machineId', 'hostKey', 'engineFile'] as const)
        expect(after[key]).not.toBe(before[key]);
      const fingerprint = await inGuest(copy, 'ssh-keygen', '-lf', `${hostKey}.pub`);
      expect(events.find(({ data }) => data['thing'] === 'ssh-host-keys')?.message).toContain(
        fingerprint.split(' ')[1],
      );
      const derived = await inGuest(copy, 'ssh-keygen', '-y', '-f', hostKey);
      expect(after.hostKey).toContain(derived.split(' ')[1]);
      expect(await inGuest(copy, 'stat', '-c', '%a %U', hostKey)).toBe('600 root');
      const words = JSON.stringify(events);
      for (const secret of [before.machineId, after.machineId, after.engineFile, 'PRIVATE'])
        expect(words).not.toContain(secret);
      expect(await inGuest(copy, 'find', '/var/lib/tacet/regenerate', '-type', 'f')).toBe('');

      // Of what runs nothing was disturbed for it.
      expect(await engineId(copy)).toBe(engine);
      await copy.shutdown();
      await copy.start();
      await copy.waitForEngine(AbortSignal.timeout(patienceMs));
      expect(await engineId(copy)).toBe(after.engineFile);
      await expect.poll(own, { timeout: patienceMs, interval: 500 }).toMatchObject({
        connected: true,
        incarnation: { machineId: after.machineId },
      });
      expect(await identityOf(copy)).toEqual(after);
      expect(await told()).toHaveLength(3);
      expect(await identityOf(stage.guest)).toEqual(before);
    });

    async function guests(): Promise<GuestView[]> {
      return (await http.get(guestListSchema, '/guests', never)).guests;
    }

    async function quarantined(): Promise<GuestView | undefined> {
      return (await guests()).find(({ identity }) => identity === 'quarantined');
    }

    async function own(): Promise<GuestView | undefined> {
      return (await guests()).find(({ vmid, identity }) => vmid === copied && identity === 'enrolled');
    }

    /** What the copy has said of its identity. */
    async function told(): Promise<StoredEvent[]> {
      const { events } = await http.get(eventListSchema, `/events?vmid=${copied}&after=0&limit=1000`, never);
      return events.filter(({ type }) => type.startsWith('identity.'));
    }
  },
);

async function identityOf(guest: Guest): Promise<Identity> {
  return {
    machineId: (await guest.readFile('/etc/machine-id')).toString().trim(),
    hostKey: (await guest.readFile(`${hostKey}.pub`)).toString().trim(),
    engineFile: (await guest.readFile('/var/lib/docker/engine-id')).toString().trim(),
  };
}

/** The template has no sshd: the program that makes its keys is this machine's own, with the library it is made for. */
async function lendSshKeygen(guest: Guest): Promise<void> {
  const folder = '/usr/lib/lent';
  const { stdout } = await promisify(execFile)('ldd', [keygen]);
  const library = /\/\S*libcrypto\S*/.exec(stdout)?.[0];
  for (const path of [keygen, ...(library === undefined ? [] : [library])])
    await guest.writeFile(`${folder}/${basename(path)}`, await readFile(path), 0o755);
  const script = `#!/bin/sh\nLD_LIBRARY_PATH=${folder} exec ${folder}/ssh-keygen "$@"\n`;
  await guest.writeFile(keygen, script, 0o755);
}

async function engineId(guest: Guest): Promise<string> {
  return await inGuest(guest, 'docker', 'info', '--format', '{{.ID}}');
}

async function inGuest(guest: Guest, ...argv: string[]): Promise<string> {
  const { exitCode, stdout, stderr } = await guest.exec(argv, { timeoutMs: 120_000 });
  if (exitCode !== 0) throw new Error(`${argv.join(' ')} in guest ${guest.vmid}: ${stderr || stdout}`);
  return stdout.trim();
}
