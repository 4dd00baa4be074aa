import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Guest, type Lab, labObstacle, openLab, startStack } from '@tacet/lab';
import { LabBackend, labStorages, type PveSim, startPveSim } from '@tacet/pve-sim';
import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFailed } from 'vitest';
import { buildPackages } from './packages/build-packages.ts';

const workspace = join(import.meta.dirname, '..', '..', '..');
const obstacle = labObstacle();
const password = 'only-for-this-test';
const copies = [201, 202, 203, 204];

/** The commands of a page, those for one machine, as they stand. */
async function commandsOf(page: string, machine: string): Promise<string[]> {
  const text = await readFile(join(workspace, 'docs', 'guides', page), 'utf8');
  const blocks = text.matchAll(/<!-- (\w+) -->\n\n```sh\n([\s\S]*?)```/g);
  return [...blocks].filter(([, where]) => where === machine).map(([, , commands = '']) => commands);
}

/** As a person pastes it into a root shell. */
async function paste(machine: Guest, commands: string, stdin?: string): Promise<string> {
  const script = `cd /root\nset -e\n${commands}`;
  const result = await machine.exec(['bash', '-c', script], {
    timeoutMs: 600_000,
    ...(stdin !== undefined && { stdin }),
  });
  const said = `${result.stdout}\n${result.stderr}`;
  if (result.exitCode !== 0) throw new Error(said);
  return said;
}

describe.skipIf(obstacle !== undefined)(`the packages${obstacle ? ` (skipped: ${obstacle})` : ''}`, () => {
  const cleanup = new AsyncDisposableStack();
  let lab: Lab;
  let node: Guest;
  let guest: Guest;
  let sim: PveSim;
  let packages: string;

  beforeAll(async () => {
    const signal = AbortSignal.timeout(1_700_000);
    packages = await mkdtemp(join(tmpdir(), 'tacet-packages-'));
    cleanup.defer(() => rm(packages, { recursive: true }));
    await buildPackages(packages);
    lab = cleanup.use(await openLab({ signal }));
    // It plays the node: what is installed on it is the same, and its API is the simulator's.
    node = await lab.createGuest({ vmid: 110, hostname: 'pve1', signal });
    guest = await lab.createGuest({ vmid: 101, signal });
    cleanup.defer(async () => {
      for (const one of lab.guests()) await one.destroy();
    });
    sim = cleanup.use(
      await startPveSim({
        backend: new LabBackend(lab),
        address: lab.bridge.hostAddress,
        certificateNames: [lab.bridge.hostAddress],
        storages: labStorages(lab),
        users: [{ userid: 'root@pam', password }],
      }),
    );
    await node.start(signal);
    // By these a node is known.
    await node.writeFile('/etc/pve/.version', '');
    await node.writeFile('/etc/vzdump.conf', '# vzdump default settings\n');
    await guest.start(signal);
    await guest.waitForEngine(signal);
    await startStack(guest, signal);
    for (const file of (await readdir(packages)).filter((name) => name.endsWith('.deb'))) {
      const machine = file.startsWith('tacet-agent') ? guest : node;
      await machine.writeFile(`/root/${file}`, await readFile(join(packages, file)));
    }
  });
  afterAll(() => cleanup.disposeAsync());

  beforeEach(() => {
    onTestFailed(async () => {
      for (const machine of [node, guest]) {
        const { stdout } = await machine.exec(['journalctl', '-u', 'tacet-*', '-n', '40', '-o', 'cat']);
        process.stderr.write(`--- guest ${machine.vmid}\n${stdout}\n`);
      }
    });
  });

  it('come to a proven backup and a restore that is ready, by the commands of the guide', async () => {
    const [install = '', provision = '', start = '', use = ''] = await commandsOf('start.md', 'node');
    const [agent = ''] = await commandsOf('start.md', 'guest');
    await paste(node, install);

    const asked = provision
      .replace('https://127.0.0.1:8006', sim.url)
      .replace(/"\$\(openssl.*?\)"/, sim.fingerprint);
    expect(asked).not.toBe(provision);
    const json = await paste(node, asked.replace('tacet pve', 'tacet --json pve'), `${password}\n`);
    const { configuration } = JSON.parse(json) as { configuration: object };
    const path = '/etc/tacet/controller.json';
    const entry = {
      name: 'pve1',
      simulated: true,
      url: sim.url,
      trust: { fingerprint: sim.fingerprint },
      storage: 'local',
      restoreStorage: 'lab',
    };
    const settings = JSON.parse((await node.readFile(path)).toString()) as object;
    await node.writeFile(path, JSON.stringify({ ...settings, nodes: [{ ...entry, ...configuration }] }));

    const enrolling = /tacet-agent enroll \S+/.exec(await paste(node, start))?.[0] ?? '';
    expect(await paste(guest, agent)).toMatch(/shop\/db\b.*postgres/);
    expect(await paste(guest, enrolling)).toMatch(/This is guest 101/);
    const ready = () => node.exec(['tacet', 'status', '101']);
    await expect.poll(async () => (await ready()).exitCode, { timeout: 60_000 }).toBe(0);
    const said = await paste(node, use);
    expect(said).toMatch(/Verdict +app-consistent/);
    expect(said).toMatch(/Ready +True/);
  });

  it('leave an agent that listens nowhere, whose state a backup has', async () => {
    const pid = await paste(guest, 'systemctl show --property=MainPID --value tacet-agent');
    const listening = await paste(guest, 'ss --no-header --listening --tcp --udp --numeric --processes');
    expect(Number(pid)).toBeGreaterThan(1);
    expect(listening).not.toContain(`pid=${pid.trim()},`);
    // On the root filesystem, and in no directory that vzdump skips.
    const [root, state] = (await paste(guest, 'stat --format=%d / /var/lib/tacet')).trim().split('\n');
    expect(state).toBe(root);
    expect(await paste(guest, 'ls /var/lib/tacet/journal')).not.toBe('');
  });

  it('end the agent before Docker when the guest shuts down', async () => {
    const witness = '[Service]\nExecStop=/bin/sh -c "systemctl is-active tacet-agent > /root/seen; true"\n';
    await guest.writeFile('/etc/systemd/system/docker.service.d/test.conf', witness);
    // So that it would be seen still ending, did Docker not wait.
    await guest.writeFile(
      '/etc/systemd/system/tacet-agent.service.d/test.conf',
      '[Service]\nExecStop=sleep 3\n',
    );
    await paste(guest, 'systemctl daemon-reload');
    await guest.shutdown();
    expect((await guest.readFile('/root/seen')).toString()).toBe('inactive\n');
    await guest.start();
    await guest.waitForEngine();
    await paste(guest, 'rm -r /etc/systemd/system/{docker,tacet-agent}.service.d; systemctl daemon-reload');
    await expect
      .poll(async () => (await node.exec(['tacet', 'status', '101'])).exitCode, { timeout: 60_000 })
      .toBe(0);
  });

  it('refuse to go back to an older version, and survive being installed again', async () => {
    const older = 'tacet-agent';
    const repack = [
      `dpkg-deb -R ${older}_0.1.0_all.deb old`,
      "sed -i 's/^Version: .*/Version: 0.0.9/' old/DEBIAN/control",
      "sed -i \"s/gt '0.1.0'/gt '0.0.9'/\" old/DEBIAN/preinst",
      'dpkg-deb -b old old.deb',
    ].join('\n');
    await paste(guest, repack);
    const refused = await guest.exec(['dpkg', '-i', '/root/old.deb']);
    expect(refused.exitCode).not.toBe(0);
    expect(refused.stdout + refused.stderr).toMatch(/0\.1\.0 is installed/);
    expect(await paste(guest, 'dpkg -i tacet-agent_0.1.0_all.deb; systemctl is-active tacet-agent')).toMatch(
      /^active$/m,
    );
  });

  it('leave their state when they are removed, and nothing when they are purged', async () => {
    await paste(node, 'tacet hook uninstall');
    for (const [machine, name, state] of [
      [guest, 'tacet-agent', '/var/lib/tacet'],
      [node, 'tacet-controller', '/var/lib/tacet-controller'],
    ] as const) {
      await paste(machine, `apt-get remove -y ${name}`);
      expect(await paste(machine, `ls -A ${state} | wc -l`)).not.toMatch(/^0$/m);
      expect((await machine.exec(['systemctl', 'is-active', name])).stdout.trim()).not.toBe('active');
      await paste(machine, `apt-get purge -y ${name}`);
      const left =
        'find /etc /usr /var/lib /run -type f -name "*tacet*" -not -path "/var/lib/dpkg/*" -not -path "/var/lib/apt/*" -not -name "tacet-lab-*"';
      expect((await machine.exec(['sh', '-c', left])).stdout).toBe('');
    }
    for (const vmid of copies) await lab.guest(vmid)?.destroy();
  });
});
