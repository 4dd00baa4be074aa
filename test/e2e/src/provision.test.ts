import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { exitCodes, run } from '@tacet/cli';
import {
  type AccessApi,
  connect,
  ForbiddenError,
  type Grant,
  type ProxmoxClient,
  requireSuccess,
  UnauthorizedError,
  type Upid,
  waitForTask,
} from '@tacet/proxmox';
import { MemoryBackend, type NodeFault, type PveSim, startPveSim } from '@tacet/pve-sim';
import { type Clock, systemClock, Undo } from '@tacet/runtime';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

const PASSWORD = 'korrekt pferd batterie';
const SELF = ['VM.Audit', 'VM.Snapshot', 'VM.Backup', 'Datastore.AllocateSpace', 'Datastore.Audit'];

const guest = (vmid: number, bridge = 'vmbr0') => ({
  vmid,
  config: {
    hostname: `ct${vmid}`,
    unprivileged: 1,
    features: 'nesting=1,keyctl=1',
    rootfs: `btr:${vmid}/vm-${vmid}-disk-0.raw,size=2G`,
    net0: `name=eth0,bridge=${bridge},hwaddr=BC:24:11:00:00:${vmid - 90},type=veth`,
    arch: 'amd64',
    memory: 512,
    ostype: 'debian',
  },
});

let undo: Undo;
let sim: PveSim;
let root: ProxmoxClient;
let directory: string;

async function startNode(): Promise<PveSim> {
  const started = await startPveSim({
    backend: new MemoryBackend({ guests: [guest(101), guest(102), guest(103, 'vmbr1')], stepMs: 20 }),
    storages: [
      { storage: 'local', type: 'dir', content: ['backup'], path: '/var/lib/vz' },
      { storage: 'spare', type: 'dir', content: ['backup'], path: '/mnt/spare' },
      { storage: 'btr', type: 'btrfs', content: ['rootdir', 'images'], path: '/mnt/btr' },
    ],
    users: [
      {
        userid: 'root@pam',
        password: PASSWORD,
        tokens: [{ tokenid: 'test', privsep: false, secret: 'root-secret' }],
      },
      { userid: 'half@pve', password: PASSWORD },
    ],
    bridges: ['vmbr0', 'vmbr1', 'vmbr9'],
    timing: { authDelayMs: 20, proxyTimeoutMs: 300, killAfterMs: 100, statusLagMs: 1, forkMs: 1 },
  });
  undo.defer(() => started[Symbol.asyncDispose]());
  return started;
}

function clientOf(node: PveSim, id: string, secret: string): ProxmoxClient {
  const client = connect({ url: node.url, token: { id, secret }, trust: { fingerprint: node.fingerprint } });
  undo.defer(() => client.close());
  return client;
}

beforeEach(async () => {
  undo = new Undo();
  directory = await mkdtemp(join(tmpdir(), 'tacet-provision-'));
  undo.defer(() => rm(directory, { recursive: true }));
  sim = await startNode();
  root = clientOf(sim, 'root@pam!test', 'root-secret');
});
afterEach(() => undo[Symbol.asyncDispose]());

interface Spoken {
  code: number;
  out: string;
  err: string;
  questions: string[];
}

interface Circumstances {
  password?: string;
  clock?: Clock;
  signal?: AbortSignal;
  json?: boolean;
  onOutput?: (text: string) => void;
  trust?: string[];
}

/** As an administrator types it. */
async function provision(words: string, circumstances: Circumstances = {}): Promise<Spoken> {
  const { password = PASSWORD, clock, json = false, signal = new AbortController().signal } = circumstances;
  const spoken: Spoken = { code: -1, out: '', err: '', questions: [] };
  const node = ['--url', sim.url, ...(circumstances.trust ?? ['--fingerprint', sim.fingerprint])];
  spoken.code = await run({
    argv: [
      ...(json ? ['--json'] : []),
      'pve',
      'provision',
      ...node,
      '--node',
      'pve1',
      '--secrets',
      directory,
      ...words.split(' '),
    ],
    env: {},
    stdout: (text) => {
      spoken.out += text;
      circumstances.onOutput?.(text);
    },
    stderr: (text) => void (spoken.err += text),
    signal,
    ...(clock !== undefined && { clock }),
    terminal: {
      askSecret: (question) => {
        spoken.questions.push(question);
        return Promise.resolve(password);
      },
      close: () => undefined,
    },
  });
  return spoken;
}

const secretOf = async (tokenId: string): Promise<string> =>
  (await readFile(join(directory, `pve1-${tokenId}.secret`), 'utf8')).trim();

const tokenClient = async (tokenId: string): Promise<ProxmoxClient> =>
  clientOf(sim, `tacet@pve!${tokenId}`, await secretOf(tokenId));

const order = (items: readonly unknown[]): string[] => items.map((item) => JSON.stringify(item)).toSorted();

/** All that can differ between two nodes' access control. */
async function accessOf(client: ProxmoxClient): Promise<unknown> {
  const users = await client.access.users();
  const tokens = await Promise.all(users.map(({ userId }) => client.access.tokens(userId)));
  return {
    users: order(users),
    tokens: users.map(({ userId }, index) => [userId, order(tokens[index] ?? [])]),
    roles: order(
      (await client.access.roles()).map((one) => ({ ...one, privileges: one.privileges.toSorted() })),
    ),
    acl: order(
      (await client.access.acl()).map(({ path, role, holderId, propagate }) => [
        path,
        role,
        holderId,
        propagate,
      ]),
    ),
  };
}

const GUESTS = '--guest 101,102 --storage local';
const RESTORE = '--restore --target 201,202';

async function ended(client: ProxmoxClient, upid: Upid): Promise<void> {
  const signal = new AbortController().signal;
  requireSuccess(await waitForTask(client.tasks, upid, { signal, deadlineMs: 30_000, pollMs: 10 }));
}

describe('provisioning', () => {
  it('makes tokens that can do their work, and nothing else', async () => {
    const { code, out, err, questions } = await provision(`${GUESTS} ${RESTORE}`);
    expect([code, err]).toEqual([exitCodes.ok, '']);
    expect(questions).toEqual([`Password of root@pam at ${new URL(sim.url).host}: `]);
    expect(out).toContain('done  grant TacetGuest on /vms/101 to tacet@pve and tacet@pve!guest-101');

    const own = await tokenClient('guest-101');
    const there = { node: 'pve1', vmid: 101 };
    await ended(own, await own.vzdump.start('pve1', { vmid: 101, storage: 'local', mode: 'snapshot' }));
    const [backup] = await own.storage.backups({ node: 'pve1', storage: 'local' }, { vmid: 101 });
    const archive = backup?.volid ?? '';
    await own.storage.setAttributes({ node: 'pve1', volid: archive }, { notes: 'verdict' });
    await expect(own.lxc.canSnapshot(there)).resolves.toBe(true);
    await expect(own.lxc.status({ node: 'pve1', vmid: 102 })).rejects.toBeInstanceOf(ForbiddenError);
    await expect(own.lxc.restore({ node: 'pve1', vmid: 201, archive, storage: 'btr' })).rejects.toThrow(
      'Permission check failed',
    );

    const operator = await tokenClient('restore');
    const copy = { node: 'pve1', vmid: 201 };
    const restore = { node: 'pve1', archive, storage: 'btr', unique: true };
    await ended(operator, await operator.lxc.restore({ ...restore, vmid: 201 }));
    await ended(operator, await operator.lxc.start(copy));
    await expect(operator.lxc.restore({ ...restore, vmid: 203 })).rejects.toBeInstanceOf(ForbiddenError);
    await expect(operator.lxc.destroy(there)).rejects.toBeInstanceOf(ForbiddenError);
    await expect(operator.lxc.stop(there)).rejects.toBeInstanceOf(ForbiddenError);
    await expect(operator.lxc.status({ node: 'pve1', vmid: 103 })).rejects.toBeInstanceOf(ForbiddenError);
  });

  it('shows what it tried with each token, and what the node said', async () => {
    const { out } = await provision(`--guest 101 --storage local ${RESTORE}`);
    expect(out).toMatch(/Tried with tacet@pve!guest-101:\n {2}ok {6}holds its privileges and no others: /);
    expect(out).toContain('ok      reads the status of guest 101: running');
    expect(out).toContain('ok      sees storage local: backup');
    expect(out).toMatch(/ok {6}may not read the status of guest 102: .*\(\/vms\/102, VM\.Audit\)/);
    expect(out).toMatch(/ok {6}may not read the access control \(\/access\): .*\(\/access, Sys\.Audit\)/);
    expect(out).toMatch(/ok {6}may not see the tokens of root@pam: .*Permission check failed/);
    expect(out).toMatch(/Tried with tacet@pve!restore:\n {2}ok {6}holds its privileges and no others: /);
    expect(out).not.toContain('FAILED');
  });

  it('puts each secret into a file of its owner’s alone, and prints what the controller reads', async () => {
    const { out } = await provision(`${GUESTS} ${RESTORE}`);
    const files = ['guest-101', 'guest-102', 'restore'].map((id) => `pve1-${id}.secret`);
    expect((await readdir(directory)).toSorted()).toEqual(files);
    for (const file of files) expect((await stat(join(directory, file))).mode & 0o777).toBe(0o600);
    const printed = out.slice(out.indexOf('  "guestTokens"'));
    const token = (id: string) => ({
      id: `tacet@pve!${id}`,
      secretFile: join(directory, `pve1-${id}.secret`),
    });
    expect(JSON.parse(`{${printed}}`)).toEqual({
      guestTokens: { 101: token('guest-101'), 102: token('guest-102') },
      restoreToken: token('restore'),
    });
  });

  it('finds out where restored disks and networks go, unless it is told', async () => {
    await provision(`--guest 101,103 --storage local ${RESTORE}`);
    const paths = (await root.access.acl())
      .filter(({ holderId, role }) => holderId === 'tacet@pve!restore' && role === 'TacetRestore')
      .map(({ path }) => path);
    expect(paths.toSorted()).toEqual([
      '/sdn/zones/localnetwork/vmbr0',
      '/sdn/zones/localnetwork/vmbr1',
      '/storage/btr',
      '/storage/local',
      '/vms/101',
      '/vms/103',
    ]);
  });

  it('the second time changes nothing, and says so', async () => {
    await provision(`${GUESTS} ${RESTORE}`);
    const before = [await accessOf(root), await secretOf('guest-101')];
    const { code, out } = await provision(`${GUESTS} ${RESTORE}`);
    expect([code, out.split('\n')[0]]).toEqual([exitCodes.ok, 'Nothing to change: it is as it should be.']);
    expect([await accessOf(root), await secretOf('guest-101')]).toEqual(before);
    expect(out).toContain('Tried with tacet@pve!guest-101:');
  });

  it('adds what a further guest lacks, and no more', async () => {
    await provision(GUESTS);
    const { out } = await provision('--guest 101,102,103 --storage local');
    expect(out.split('\n').filter((line) => line.startsWith('done'))).toEqual([
      `done  make token tacet@pve!guest-103, its secret in ${join(directory, 'pve1-guest-103.secret')}`,
      'done  grant TacetGuest on /vms/103 to tacet@pve and tacet@pve!guest-103',
      'done  grant TacetGuest on /storage/local to tacet@pve!guest-103',
    ]);
  });

  it('grants both sides: with a grant of its own alone a token is refused', async () => {
    const { url, fingerprint } = sim;
    await root.access.createRole('TacetGuest', SELF);
    await root.access.createUser('tacet@pve');
    const secret = await root.access.createToken('tacet@pve', 'guest-101');
    await writeFile(join(directory, 'pve1-guest-101.secret'), secret, { mode: 0o600 });
    const tokens = ['tacet@pve!guest-101'];
    await root.access.grant({ path: '/vms/101', role: 'TacetGuest', tokens });
    await root.access.grant({ path: '/storage/local', role: 'TacetGuest', users: ['tacet@pve'] });
    await using client = connect({ url, token: { id: tokens[0]!, secret }, trust: { fingerprint } });
    await expect(client.lxc.status({ node: 'pve1', vmid: 101 })).rejects.toBeInstanceOf(ForbiddenError);

    const { code, out } = await provision('--guest 101 --storage local');
    expect(out.split('\n').slice(0, 2)).toEqual([
      'done  grant TacetGuest on /vms/101 to tacet@pve',
      'done  grant TacetGuest on /storage/local to tacet@pve!guest-101',
    ]);
    expect(code).toBe(exitCodes.ok);
    await expect(client.lxc.status({ node: 'pve1', vmid: 101 })).resolves.toMatchObject({ vmid: 101 });
  });

  it('is not content when a token turns out to have more', async () => {
    await provision('--guest 101 --storage local');
    const holders = { users: ['tacet@pve'], tokens: ['tacet@pve!guest-101'] };
    await root.access.grant({ path: '/vms/102', role: 'PVEAuditor', ...holders });
    const { code, out, err } = await provision('--guest 101 --storage local');
    expect(code).toBe(exitCodes.failed);
    expect(out).toMatch(/Note: tacet@pve!guest-101 also holds PVEAuditor on \/vms\/102/);
    expect(out).toMatch(
      /FAILED {2}holds its privileges and no others: has .*VM\.Audit.* on \/vms\/102 besides/,
    );
    expect(out).toContain('FAILED  may not read the status of guest 102: it was allowed');
    expect(err).toContain('a token may do more or less than it should');
  });

  it('notices when the file of a secret holds another one', async () => {
    await provision('--guest 101 --storage local');
    await writeFile(join(directory, 'pve1-guest-101.secret'), 'another-secret');
    const { code, out } = await provision('--guest 101 --storage local');
    expect(code).toBe(exitCodes.failed);
    expect(out).toContain('FAILED  is accepted');
  });
});

async function archiveOf101(): Promise<string> {
  const own = await tokenClient('guest-101');
  await ended(own, await own.vzdump.start('pve1', { vmid: 101, storage: 'local', mode: 'snapshot' }));
  return (await own.storage.backups({ node: 'pve1', storage: 'local' }, { vmid: 101 }))[0]?.volid ?? '';
}

describe('provisioning for drills', () => {
  const DRILLS = `${GUESTS} --restore --drill-pool drills --drill-bridge vmbr9`;

  it('lets scratch guests be made, isolated, marked, started and destroyed, time after time', async () => {
    const { code, out, err } = await provision(DRILLS);
    expect([code, err]).toEqual([exitCodes.ok, '']);
    expect(out).toContain('done  make pool drills, for scratch guests of drills');
    expect(out).toContain('And in "drill", beside its nodes: "pool": "drills"');
    const restore = { node: 'pve1', archive: await archiveOf101(), storage: 'btr', unique: true };
    const operator = await tokenClient('restore');
    const scratch = { node: 'pve1', vmid: 9000 };
    const overrides = {
      pool: 'drills',
      description: 'tacet-drill 1',
      onboot: '0',
      net0: 'name=eth0,bridge=vmbr9,ip=dhcp',
    };
    for (const time of ['first', 'second']) {
      await ended(operator, await operator.lxc.restore({ ...restore, vmid: 9000, overrides }));
      await operator.lxc.setConfig(scratch, { tags: `tacet-drill;${time}` });
      await ended(operator, await operator.lxc.start(scratch));
      // While one is there, the pool shows it, and that is as expected.
      expect(await provision(DRILLS)).toMatchObject({
        code: exitCodes.ok,
        out: expect.stringContaining('Note: guest 9000 (ct101) is in pool drills'),
      });
      await ended(operator, await operator.lxc.destroy(scratch, { force: true }));
    }
    await expect(operator.lxc.restore({ ...restore, vmid: 9000 })).rejects.toBeInstanceOf(ForbiddenError);
    const onAnother = { ...overrides, net0: 'name=eth0,bridge=vmbr1,ip=dhcp' };
    await expect(
      operator.lxc.restore({ ...restore, vmid: 9000, overrides: onAnother }),
    ).rejects.toBeInstanceOf(ForbiddenError);
    for (const vmid of [101, 102, 103]) {
      await expect(operator.lxc.destroy({ node: 'pve1', vmid })).rejects.toBeInstanceOf(ForbiddenError);
    }
  });

  it('the second time changes nothing', async () => {
    await provision(DRILLS);
    const before = [await accessOf(root), await root.access.pools()];
    expect((await provision(DRILLS)).out.split('\n')[0]).toBe('Nothing to change: it is as it should be.');
    expect([await accessOf(root), await root.access.pools()]).toEqual(before);
  });

  it('takes a pool that is there, but none with a guest that is backed up', async () => {
    await root.access.createPool('drills');
    sim.putInPool(102, 'drills');
    const { code, err } = await provision(DRILLS);
    expect(code).toBe(exitCodes.failed);
    expect(err).toContain('guest 102 is in pool drills: the restore token could destroy it');
    expect(await provision(DRILLS.replace('101,102', '101'))).toMatchObject({ code: exitCodes.ok });
  });

  it('takes no pool above that of a guest that is backed up', async () => {
    for (const pool of ['drills', 'drills/db']) await root.access.createPool(pool);
    sim.putInPool(102, 'drills/db');
    const { code, err } = await provision(DRILLS);
    expect(code).toBe(exitCodes.failed);
    expect(err).toContain('guest 102 is in pool drills/db: the restore token could destroy it');
  });

  it('goes on where the pool is there, and not shown to who provisions', async () => {
    const may = ['Sys.Modify', 'Sys.Audit', 'User.Modify', 'Permissions.Modify', 'Pool.Allocate'];
    await root.access.createRole('Provisioner', [...may, 'VM.Audit', 'Datastore.Audit']);
    await root.access.grant({ path: '/', role: 'Provisioner', users: ['half@pve'] });
    for (const time of ['first', 'second']) {
      const { code, err } = await provision(`${DRILLS} --login half@pve`);
      expect([time, code, err]).toEqual([time, exitCodes.ok, '']);
    }
    expect(await root.access.pools()).toEqual(['drills']);
  });

  it('prints the lines, with no login, too', async () => {
    const { out } = await provision(`${DRILLS} --print --target-storage btr --bridge vmbr0`);
    expect(out).toContain("pveum pool add drills --comment 'Tacet: scratch guests of drills'\n");
    expect(out).toContain(
      "pveum acl modify /pool/drills --roles TacetScratch --users tacet@pve --tokens 'tacet@pve!restore'\n",
    );
  });

  it('lets copies have another network where that was asked for', async () => {
    await provision(`${GUESTS} ${RESTORE}`);
    const order = { node: 'pve1', archive: await archiveOf101(), storage: 'btr', vmid: 201 };
    const overrides = { net0: 'name=eth0,bridge=vmbr0,ip=dhcp' };
    const operator = await tokenClient('restore');
    await expect(operator.lxc.restore({ ...order, overrides })).rejects.toThrow('VM.Config.Network');
    expect(await provision(`${GUESTS} ${RESTORE} --copy-network`)).toMatchObject({ code: exitCodes.ok });
    await ended(operator, await operator.lxc.restore({ ...order, overrides }));
  });
});

describe('a dry run', () => {
  it('shows the steps with their pveum lines, and changes nothing', async () => {
    const before = await accessOf(root);
    const { code, out } = await provision(`${GUESTS} --dry-run`);
    expect(code).toBe(exitCodes.ok);
    expect(out).toContain(
      "      pveum acl modify /vms/102 --roles TacetGuest --users tacet@pve --tokens 'tacet@pve!guest-102'",
    );
    expect(await accessOf(root)).toEqual(before);
    expect(await readdir(directory)).toEqual([]);
  });
});

describe('what is in the way', () => {
  it('is a role of that name with other privileges: nothing is changed until it is asked for', async () => {
    await root.access.createRole('TacetGuest', [...SELF, 'VM.Allocate']);
    const before = await accessOf(root);
    const { code, err } = await provision(GUESTS);
    expect(code).toBe(exitCodes.failed);
    expect(err).toContain('there is a role TacetGuest with other privileges: it has VM.Allocate besides');
    expect(await accessOf(root)).toEqual(before);
    expect(await readdir(directory)).toEqual([]);

    expect(await provision(`${GUESTS} --fix-roles`)).toMatchObject({ code: exitCodes.ok });
    expect((await root.access.roles()).find(({ role }) => role === 'TacetGuest')?.privileges).toEqual(
      SELF.toSorted(),
    );
  });

  it('is a token whose secret is not here', async () => {
    await provision(GUESTS);
    await rm(join(directory, 'pve1-guest-101.secret'));
    const { code, err } = await provision(GUESTS);
    expect(code).toBe(exitCodes.failed);
    expect(err).toMatch(/tacet@pve!guest-101 exists, but its secret is not in .*\nhint: .*--rotate/);
  });

  it.each([
    ['a guest that is not there', '--guest 109 --storage local', 'there is no guest 109'],
    ['a storage that is not there', '--guest 101 --storage nosuch', 'node pve1 has no storage nosuch'],
    ['a storage without backups', '--guest 101 --storage btr', 'storage btr holds no backups'],
    [
      'a storage without disks',
      `${GUESTS} ${RESTORE} --target-storage local`,
      'storage local holds no disks of containers',
    ],
  ])('is %s', async (_, words, message) => {
    const before = await accessOf(root);
    const { code, err } = await provision(words);
    expect([code, err]).toEqual([exitCodes.failed, expect.stringContaining(message)]);
    expect(await accessOf(root)).toEqual(before);
  });

  it('is not a copy that exists already, but it is said what that means', async () => {
    const { code, out } = await provision('--guest 101 --storage local --restore --target 103');
    expect(code).toBe(exitCodes.ok);
    expect(out).toContain('Note: guest 103 (ct103) exists: the restore token may start and destroy it');
  });
});

/** Something goes wrong at the node as soon as this was said to be done. */
const failAfter =
  (step: string, fault: NodeFault) =>
  (text: string): void => {
    if (text.startsWith(`done  ${step}`)) sim.setFault('pve1', fault);
  };

describe('a failure half-way', () => {
  it('says what was made and what was not, and the next run goes on from there', async () => {
    // May make roles, users and tokens, and grant on guests, but not on storages.
    await root.access.createRole('Half', ['Sys.Modify', 'Sys.Audit', 'User.Modify']);
    await root.access.createRole('Granter', ['Permissions.Modify', 'VM.Audit']);
    await root.access.createRole('Viewer', ['Datastore.Audit']);
    for (const [path, role] of [
      ['/access', 'Half'],
      ['/vms', 'Granter'],
      ['/storage', 'Viewer'],
    ] as const) {
      await root.access.grant({ path, role, users: ['half@pve'] });
    }
    const { code, err } = await provision('--guest 101 --storage local --login half@pve');
    expect(code).toBe(exitCodes.failed);
    expect(err).toContain(
      'could not grant TacetGuest on /storage/local to tacet@pve and tacet@pve!guest-101',
    );
    expect(err).toMatch(
      /\(done: make role TacetGuest.*; make user tacet@pve.*; make token .*; grant .*101\)/,
    );
    expect(err).toContain('Permission check failed (/storage/local, Permissions.Modify)');
    expect(err).toMatch(/Not done:\n {2}pveum acl modify \/storage\/local /);
    expect(err).toMatch(/hint: It takes an administrator: .* Run the same command again/);

    const { code: again, out } = await provision('--guest 101 --storage local');
    expect(again).toBe(exitCodes.ok);
    expect(out.split('\n').filter((line) => line.startsWith('done'))).toEqual([
      'done  grant TacetGuest on /storage/local to tacet@pve and tacet@pve!guest-101',
    ]);
  });

  it('leaves no token whose secret nobody has, when the answer with the secret is lost', async () => {
    let pauses = 0;
    const clock: Clock = {
      ...systemClock,
      // The node's daemon comes back while the next attempt is waited for, and does what it was asked for late.
      sleep: () => {
        pauses += 1;
        sim.setFault('pve1', undefined);
        return systemClock.sleep(50);
      },
    };
    const onOutput = failAfter('make user', 'daemon-hung');
    const { code, out } = await provision('--guest 101 --storage local', { clock, onOutput });
    expect(pauses).toBe(1);
    expect(code).toBe(exitCodes.ok);
    expect(out).not.toContain('FAILED');
    expect(await root.access.tokens('tacet@pve')).toHaveLength(1);
  });

  it('gives a node up that stays silent, and tells it from a refusal', async () => {
    const clock: Clock = { ...systemClock, sleep: () => Promise.resolve() };
    const onOutput = failAfter('make user', 'daemon-down');
    const { code, err } = await provision('--guest 101 --storage local', { clock, onOutput });
    expect(code).toBe(exitCodes.unreachable);
    expect(err).toContain('could not make token tacet@pve!guest-101');
    expect(await readdir(directory)).toEqual([]);
  });

  it('stops between two steps at Ctrl-C', async () => {
    const interrupt = new AbortController();
    const onOutput = (text: string): void => {
      if (text.startsWith('done  make token')) interrupt.abort(new Error('interrupted'));
    };
    const { code, err } = await provision(GUESTS, { onOutput, signal: interrupt.signal });
    expect(code).toBe(exitCodes.interrupted);
    expect(err).toContain('could not grant TacetGuest on /vms/101');
    expect((await secretOf('guest-101')).length).toBeGreaterThan(10);
    expect(await provision(GUESTS)).toMatchObject({ code: exitCodes.ok });
  });
});

describe('--rotate', () => {
  it('ends the old secret, and the new one can do what the old one could', async () => {
    await provision(`${GUESTS} ${RESTORE}`);
    await provision('--guest 101 --storage spare');
    const before = await accessOf(root);
    const old = await tokenClient('guest-101');
    const other = await secretOf('guest-102');
    const { code, out } = await provision('--guest 101 --storage local --rotate');
    expect(code).toBe(exitCodes.ok);
    await expect(old.cluster.version()).rejects.toBeInstanceOf(UnauthorizedError);
    expect(await accessOf(root)).toEqual(before);
    expect(await secretOf('guest-102')).toBe(other);
    const renewed = await tokenClient('guest-101');
    await expect(renewed.lxc.status({ node: 'pve1', vmid: 101 })).resolves.toMatchObject({ vmid: 101 });
    expect(out).toContain(
      'Restart the controller: until then it uses the old secrets, and is refused (401).',
    );
    expect(out).toContain('Its configuration stays as it is: guestTokens.101');
  });

  it('also makes what was lost: a secret, or a token that somebody deleted', async () => {
    await provision(GUESTS);
    await rm(join(directory, 'pve1-guest-101.secret'));
    await root.access.deleteToken('tacet@pve', 'guest-102');
    expect(await provision(`${GUESTS} --rotate`)).toMatchObject({ code: exitCodes.ok });
    expect(await root.access.tokens('tacet@pve')).toHaveLength(2);
  });

  it('that fails between the old token and the new one goes on the next time', async () => {
    await provision(GUESTS);
    const onOutput = failAfter('delete token', 'daemon-down');
    const clock: Clock = { ...systemClock, sleep: () => Promise.resolve() };
    const { code, err } = await provision(`${GUESTS} --rotate`, { onOutput, clock });
    expect(code).toBe(exitCodes.unreachable);
    expect(err).toMatch(/Not done:\n {2}pveum user token add tacet@pve guest-101 /);
    sim.setFault('pve1', undefined);
    expect(await provision(`${GUESTS} --rotate`)).toMatchObject({ code: exitCodes.ok });
  });
});

describe('--revoke', () => {
  it('ends a token and what its user had for it, and nothing else', async () => {
    await provision(`${GUESTS} ${RESTORE}`);
    const gone = await tokenClient('guest-101');
    const { code, out } = await provision('--guest 101 --revoke');
    expect(code).toBe(exitCodes.ok);
    await expect(gone.cluster.version()).rejects.toBeInstanceOf(UnauthorizedError);
    expect(existsSync(join(directory, 'pve1-guest-101.secret'))).toBe(false);
    const left = (await root.access.acl()).map(({ path, role }) => `${role} ${path}`);
    expect(left).not.toContain('TacetGuest /vms/101');
    expect(out).toContain(
      "Take out of the entry of node pve1 in the controller's configuration: guestTokens.101",
    );
    const other = await tokenClient('guest-102');
    await expect(other.lxc.status({ node: 'pve1', vmid: 102 })).resolves.toMatchObject({ vmid: 102 });
    expect((await provision('--guest 101 --revoke')).out).toContain('Nothing to change');
  });

  it('of all leaves a user with nothing', async () => {
    await provision(`${GUESTS} ${RESTORE}`);
    expect(await provision('--guest 101,102 --restore --revoke')).toMatchObject({ code: exitCodes.ok });
    expect(await root.access.tokens('tacet@pve')).toEqual([]);
    expect((await root.access.acl()).filter(({ holderId }) => holderId.startsWith('tacet@pve'))).toEqual([]);
    expect(await readdir(directory)).toEqual([]);
  });

  it('works for a guest that is gone', async () => {
    await provision(GUESTS);
    await ended(root, await root.lxc.destroy({ node: 'pve1', vmid: 101 }, { force: true }));
    expect(await provision('--guest 101 --revoke')).toMatchObject({ code: exitCodes.ok });
    expect(await root.access.tokens('tacet@pve')).toHaveLength(1);
  });
});

describe('the printed pveum lines', () => {
  const UNSEEN = `${GUESTS} ${RESTORE} --target-storage btr --bridge vmbr0`;

  it('do exactly what the command itself does', async () => {
    const { code, out, questions } = await provision(`${UNSEEN} --print`);
    expect([code, questions]).toEqual([exitCodes.ok, []]);
    await provision(UNSEEN);

    const byHand = await startNode();
    const hand = clientOf(byHand, 'root@pam!test', 'root-secret');
    for (const line of out.trimEnd().split('\n')) await pveum(hand, line);
    expect(await accessOf(hand)).toEqual(await accessOf(root));
  });

  it('of a dry run do what is left to do', async () => {
    await provision('--guest 101 --storage local');
    const byHand = async (words: string): Promise<void> => {
      const { steps } = JSON.parse((await provision(`${words} --dry-run`, { json: true })).out) as {
        steps: { pveum: string }[];
      };
      for (const { pveum: line } of steps) if (line.startsWith('pveum')) await pveum(root, line);
    };
    await byHand(UNSEEN);
    const all = await accessOf(root);
    // The lines show secrets to who runs them: their files are put there by hand.
    for (const id of ['guest-102', 'restore']) {
      await writeFile(join(directory, `pve1-${id}.secret`), 'by-hand', { mode: 0o600 });
    }
    expect((await provision(UNSEEN)).out).toContain('Nothing to change');
    await byHand(`${UNSEEN} --rotate`);
    expect(await accessOf(root)).toEqual(all);
    await byHand('--guest 101,102 --restore --revoke');
    expect(await root.access.tokens('tacet@pve')).toEqual([]);
    expect((await root.access.acl()).filter(({ holderId }) => holderId.startsWith('tacet@pve'))).toEqual([]);
  });

  it('for new secrets lead back to the same grants', async () => {
    await provision(UNSEEN);
    const before = await accessOf(root);
    const { out } = await provision(`${UNSEEN} --rotate --print`);
    for (const line of out.trimEnd().split('\n')) await pveum(root, line);
    expect(await accessOf(root)).toEqual(before);
  });
});

type Options = ReadonlyMap<string, string>;

const listOf = (options: Options, name: string): string[] => options.get(name)?.split(',') ?? [];

const grantOf = (path: string, options: Options): Grant => ({
  path,
  role: options.get('--roles') ?? '',
  users: listOf(options, '--users'),
  tokens: listOf(options, '--tokens'),
  propagate: options.get('--propagate') !== '0',
});

/** What `pveum` of Proxmox VE 9 asks the API for: the command, then its arguments, then options with values. */
const COMMANDS: Record<string, (access: AccessApi, args: string[], options: Options) => Promise<unknown>> = {
  'role add': (access, [role = ''], options) =>
    access.createRole(role, options.get('--privs')?.split(' ') ?? []),
  'role modify': (access, [role = ''], options) =>
    access.setRole(role, options.get('--privs')?.split(' ') ?? []),
  'user add': (access, [user = ''], options) =>
    access.createUser(user, { comment: options.get('--comment') ?? '' }),
  'user token add': async (access, [user = '', token = ''], options) => {
    if (options.get('--privsep') !== '1') throw new Error('a token without privilege separation');
    await access.createToken(user, token, { comment: options.get('--comment') ?? '' });
  },
  'user token delete': (access, [user = '', token = '']) => access.deleteToken(user, token),
  'acl modify': (access, [path = ''], options) => access.grant(grantOf(path, options)),
  'acl delete': (access, [path = ''], options) => access.withdraw(grantOf(path, options)),
};

async function pveum({ access }: ProxmoxClient, line: string): Promise<void> {
  const [program, ...words] = [...line.matchAll(/'([^']*)'|(\S+)/g)].map(
    (match) => match[1] ?? match[2] ?? '',
  );
  const bare = words.findIndex((word) => word.startsWith('--'));
  const command = bare === -1 ? words : words.slice(0, bare);
  const given = words.slice(command.length);
  const options = new Map(given.flatMap((word, at) => (at % 2 === 0 ? [[word, given[at + 1] ?? '']] : [])));
  const [name, act] =
    Object.entries(COMMANDS).find(([known]) => `${command.join(' ')} `.startsWith(`${known} `)) ?? [];
  if (program !== 'pveum' || act === undefined) throw new Error(`not a pveum line: ${line}`);
  await act(access, command.slice(name?.split(' ').length), options);
}

describe('secrets', () => {
  it('are in no output unless it was asked for them', async () => {
    const spoken = [
      await provision(`${GUESTS} ${RESTORE}`),
      await provision(`${GUESTS} ${RESTORE}`, { json: true }),
      await provision(`${GUESTS} --rotate`, { json: true }),
      await provision(GUESTS, { password: 'a wrong password' }),
    ];
    const secrets = await Promise.all(['guest-101', 'guest-102', 'restore'].map(secretOf));
    const all = spoken.map(({ out, err }) => out + err).join('');
    for (const secret of [...secrets, PASSWORD, 'a wrong password']) expect(all).not.toContain(secret);
    expect(spoken.map(({ code }) => code)).toEqual([0, 0, 0, exitCodes.failed]);
  });

  it('are in the output when it was asked for them', async () => {
    const { out } = await provision(`${GUESTS} --show-secrets`, { json: true });
    const { tokens, proofs, changed } = JSON.parse(out) as {
      tokens: { id: string; secret?: string }[];
      proofs: { checks: { ok: boolean }[] }[];
      changed: boolean;
    };
    expect(tokens[0]).toMatchObject({ id: 'tacet@pve!guest-101', secret: await secretOf('guest-101') });
    expect(proofs.flatMap(({ checks }) => checks).every(({ ok }) => ok)).toBe(true);
    expect(changed).toBe(true);
    expect((await provision(`${GUESTS} --rotate --show-secrets`)).out).toContain(
      `Secret of tacet@pve!guest-102: ${await secretOf('guest-102')}`,
    );
  });

  it('a password is not sent to a node that is not the trusted one', async () => {
    const trust = ['--fingerprint', Array(32).fill('AA').join(':')];
    const { code, err } = await provision(GUESTS, { trust });
    expect(code).toBe(exitCodes.unreachable);
    expect(err).toContain('a certificate other than the pinned one');
  });

  it('the CA of the node will do as well', async () => {
    const ca = join(directory, '..', `${directory.split('/').at(-1)}-ca.pem`);
    await writeFile(ca, sim.certificatePem);
    undo.defer(() => rm(ca));
    expect(await provision(`${GUESTS} --dry-run`, { trust: ['--ca', ca] })).toMatchObject({ code: 0 });
  });

  it.skipIf(!existsSync('/usr/bin/script'))(
    'typed at a terminal are not shown (needs script(1) of util-linux)',
    async () => {
      const main = join(import.meta.dirname, '..', '..', '..', 'apps', 'cli', 'src', 'main.ts');
      const words = `--url ${sim.url} --fingerprint ${sim.fingerprint} --secrets ${directory} ${GUESTS} --dry-run`;
      const line = `'${process.execPath}' --disable-warning=ExperimentalWarning '${main}' pve provision ${words}`;
      const child = spawn('/usr/bin/script', ['-qefc', line, '/dev/null'], {
        stdio: ['pipe', 'pipe', 'inherit'],
        // In a dumb terminal Node's readline edits nothing.
        env: { ...process.env, TERM: 'xterm' },
      });
      undo.defer(() => child.kill('SIGKILL'));
      let shown = '';
      let typed = false;
      child.stdout.on('data', (chunk: Buffer) => {
        shown += chunk.toString();
        if (typed || !shown.includes('Password of root@pam')) return;
        typed = true;
        child.stdin.write(`x\u007f${PASSWORD}\r`);
      });
      const code = await new Promise((resolve) => child.once('close', resolve));
      expect(shown).toContain('To do; a dry run changes nothing:');
      expect(shown).not.toContain('pferd');
      expect(code).toBe(0);
    },
  );

  it('come from a pipe that stays open, too', async () => {
    const main = join(import.meta.dirname, '..', '..', '..', 'apps', 'cli', 'src', 'main.ts');
    const words = `--url ${sim.url} --fingerprint ${sim.fingerprint} --secrets ${directory} ${GUESTS} --dry-run`;
    const options = ['--disable-warning=ExperimentalWarning', main, 'pve', 'provision', ...words.split(' ')];
    const child = spawn(process.execPath, options, { stdio: ['pipe', 'pipe', 'pipe'] });
    undo.defer(() => child.kill('SIGKILL'));
    child.stdin.write(`${PASSWORD}\n`);
    let shown = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (chunk: Buffer) => (shown += chunk.toString()));
    }
    const code = await new Promise((resolve) => child.once('close', resolve));
    expect(shown).toContain('To do; a dry run changes nothing:');
    expect(shown).not.toContain('Password');
    expect(code).toBe(0);
  });
});

describe('a wrong call', () => {
  it.each([
    ['--storage local', 'no guest is named'],
    ['--guest 101', 'no storage is named'],
    ['--guest 99 --storage local', 'Write VMIDs as 101,102,110-119.'],
    ['--guest 110-101 --storage local', 'Write VMIDs as 101,102,110-119.'],
    ['--guest 101 --storage ../x', "'../x' is not the name of a storage"],
    [`${GUESTS} --restore`, '--restore needs the VMIDs of copies'],
    [`${GUESTS} --target 201`, 'are for the restore token'],
    [`${GUESTS} --restore --target 101`, 'guest 101 cannot be a copy as well'],
    [`${GUESTS} --restore --drill-bridge vmbr9`, 'are for scratch guests in a pool of their own'],
    [`${GUESTS} --drill-pool drills`, 'are for the restore token'],
    [`${GUESTS} --rotate --revoke`, '--rotate and --revoke exclude each other'],
    [`${GUESTS} --user root@pam`, 'the tokens need a user of their own'],
    [`${GUESTS} --user nobody`, 'Write it with its realm'],
    [`${GUESTS} --ca system`, 'either --fingerprint or --ca'],
    [`${GUESTS} ${RESTORE} --print`, '--print with --restore needs --target-storage'],
    [`${GUESTS} --revoke --print`, '--print has not seen the node'],
  ])('%s', async (words, message) => {
    const { code, err, questions } = await provision(words);
    expect([code, questions]).toEqual([exitCodes.usage, []]);
    expect(err).toContain(message);
  });
});
