import {
  connect,
  ForbiddenError,
  type GuestRef,
  MissingError,
  parseVzdumpLine,
  type ProxmoxClient,
  requireSuccess,
  type TaskOutcome,
  UnauthorizedError,
  UnreachableError,
  type Upid,
  type VzdumpEvent,
  waitForTask,
} from '@tacet/proxmox';
import { MemoryBackend, type PveSim, startPveSim } from '@tacet/pve-sim';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

// The guests and tokens of the recordings, over the simulator's API: 201 can snapshot, 202 cannot, 203 is
// granted to nobody but root.
const MINIMAL = ['VM.Audit', 'VM.Snapshot', 'VM.Backup', 'Datastore.AllocateSpace', 'Datastore.Audit'];
const config = (vmid: number, store: string): Record<string, string | number> => ({
  hostname: `ct${vmid}`,
  unprivileged: 1,
  features: 'nesting=1,keyctl=1',
  rootfs: `${store}:${vmid}/vm-${vmid}-disk-0.raw,size=2G`,
  net0: `name=eth0,bridge=vmbr0,hwaddr=BC:24:11:17:24:${vmid - 160},ip=10.88.0.${vmid}/24,type=veth`,
  arch: 'amd64',
  cores: 1,
  memory: 512,
  swap: 512,
  ostype: 'debian',
});

const g201: GuestRef = { node: 'pve1', vmid: 201 };
const g202: GuestRef = { node: 'pve1', vmid: 202 };
const g203: GuestRef = { node: 'pve1', vmid: 203 };
const local = { node: 'pve1', storage: 'local' };

let sim: PveSim;
let dual: ProxmoxClient;
let tokonly: ProxmoxClient;
let none: ProxmoxClient;
let root: ProxmoxClient;

beforeAll(async () => {
  const users = ['dual', 'tokonly', 'none'].map((name) => ({
    userid: `${name}@pve`,
    tokens: [{ tokenid: 'tk', secret: `${name}-secret` }],
  }));
  const paths = ['/vms/201', '/vms/202', '/storage/local'];
  sim = await startPveSim({
    backend: new MemoryBackend({
      guests: [
        { vmid: 201, config: config(201, 'btr') },
        { vmid: 202, config: config(202, 'local') },
        { vmid: 203, config: config(203, 'btr') },
      ],
      stepMs: 150,
    }),
    storages: [
      { storage: 'local', type: 'dir', content: ['backup', 'rootdir', 'images'], path: '/var/lib/vz' },
      { storage: 'btr', type: 'btrfs', content: ['rootdir', 'images'], path: '/mnt/btr' },
    ],
    users: [
      ...users,
      { userid: 'root@pam', tokens: [{ tokenid: 'root', privsep: false, secret: 'root-secret' }] },
    ],
    roles: { BkOp: MINIMAL },
    acl: paths.flatMap((path) =>
      ['dual@pve', 'dual@pve!tk', 'tokonly@pve!tk'].map((to) => ({ path, role: 'BkOp', to })),
    ),
    bridges: ['vmbr0'],
    timing: { authDelayMs: 20, proxyTimeoutMs: 400, lockwaitMinuteMs: 200 },
  });
  dual = clientOf('dual@pve!tk', 'dual-secret');
  tokonly = clientOf('tokonly@pve!tk', 'tokonly-secret');
  none = clientOf('none@pve!tk', 'none-secret');
  root = clientOf('root@pam!root', 'root-secret');
});

afterAll(async () => {
  await Promise.all([dual, tokonly, none, root].map((client) => client.close()));
  await sim[Symbol.asyncDispose]();
});

const clientOf = (id: string, secret: string): ProxmoxClient =>
  connect({ url: sim.url, token: { id, secret }, trust: { fingerprint: sim.fingerprint } });

const ended = (client: ProxmoxClient, upid: Upid): Promise<TaskOutcome> =>
  waitForTask(client.tasks, upid, { signal: new AbortController().signal, deadlineMs: 30_000, pollMs: 10 });

const backUp = async (client: ProxmoxClient, { node, vmid }: GuestRef, more = {}): Promise<TaskOutcome> =>
  ended(
    client,
    await client.vzdump.start(node, { vmid, storage: 'local', mode: 'snapshot', compress: 'zstd', ...more }),
  );

const eventsOf = ({ log }: TaskOutcome): VzdumpEvent[] =>
  log.flatMap(({ text }) => parseVzdumpLine(text) ?? []);

/** Waits for a line of the task, by following it. */
async function seen(client: ProxmoxClient, upid: Upid, kind: VzdumpEvent['kind']): Promise<void> {
  const stop = new AbortController();
  const done = new Error('seen');
  await expect(
    waitForTask(client.tasks, upid, {
      signal: stop.signal,
      deadlineMs: 30_000,
      pollMs: 10,
      onPoll: ({ lines }) => {
        if (lines.some(({ text }) => parseVzdumpLine(text)?.kind === kind)) stop.abort(done);
      },
    }),
  ).rejects.toBe(done);
}

describe('a token', () => {
  it('sees its own guest and where it is', async () => {
    await expect(dual.cluster.resolveNode(201)).resolves.toMatchObject({ node: 'pve1', type: 'lxc' });
    await expect(dual.lxc.status(g201)).resolves.toMatchObject({ status: 'running' });
    await expect(dual.lxc.config(g201)).resolves.toMatchObject({ features: { nesting: '1', keyctl: '1' } });
    await expect(dual.storage.status(local)).resolves.toMatchObject({
      content: expect.arrayContaining(['backup']),
    });
  });

  it('knows beforehand which guest cannot snapshot', async () => {
    await expect(dual.lxc.canSnapshot(g201)).resolves.toBe(true);
    await expect(dual.lxc.canSnapshot(g202)).resolves.toBe(false);
  });

  it('has nothing when only the token was granted the role, and not its user', async () => {
    for (const client of [tokonly, none]) {
      await expect(client.lxc.status(g201)).rejects.toMatchObject({
        path: '/vms/201',
        privileges: ['VM.Audit'],
      });
      await expect(client.cluster.permissions()).resolves.toEqual({});
      await expect(client.cluster.resolveNode(201)).rejects.toBeInstanceOf(MissingError);
      await expect(
        client.vzdump.start('pve1', { vmid: 201, storage: 'local', mode: 'snapshot' }),
      ).rejects.toBeInstanceOf(ForbiddenError);
    }
  });

  it('is refused with a wrong secret', async () => {
    await using stranger = clientOf('dual@pve!tk', 'wrong');
    await expect(stranger.cluster.version()).rejects.toBeInstanceOf(UnauthorizedError);
  });

  it('cannot read another guest, and its backup of one fails after it was accepted', async () => {
    await expect(dual.lxc.status(g203)).rejects.toBeInstanceOf(ForbiddenError);
    const outcome = await backUp(dual, g203);
    expect(outcome).toMatchObject({
      status: 'failed',
      exitstatus: '403 Permission check failed (/vms/203, VM.Backup)',
      error: { path: '/vms/203', privileges: ['VM.Backup'] },
    });
  });

  it('tells a guest and a node that do not exist from those it may not see', async () => {
    await expect(root.lxc.config({ node: 'pve1', vmid: 999 })).rejects.toBeInstanceOf(MissingError);
    await expect(root.lxc.config({ node: 'nosuch', vmid: 201 })).rejects.toBeInstanceOf(MissingError);
  });
});

describe('a backup', () => {
  it('in snapshot mode is listed with its notes and protection, and can be deleted once unprotected', async () => {
    const notes = 'Tacet: app\n2 lines, a \\ and {{braces}}';
    const outcome = await backUp(dual, g201, { notes, protected: true });
    expect(outcome.status).toBe('ok');
    const events = eventsOf(outcome);
    const started = events.find((event) => event.kind === 'archive-started');
    expect(events.map(({ kind }) => kind)).toEqual(
      expect.arrayContaining([
        'mode',
        'snapshot-requested',
        'archive-started',
        'guest-finished',
        'task-finished',
      ]),
    );
    const [backup] = await dual.storage.backups(local, { vmid: 201 });
    expect(started?.path).toContain(backup?.volid.split('/')[1]);
    expect(backup).toMatchObject({ vmid: 201, protected: true, notesFirstLine: 'Tacet: app' });

    const volume = { node: 'pve1', volid: backup?.volid ?? '' };
    const { notes: whole } = await dual.storage.attributes(volume);
    expect(whole).toBe('Tacet: app\n2 lines, a \\ and { {braces}}');
    await dual.storage.setAttributes(volume, { notes: 'verdict: crash', protected: false });
    await expect(dual.storage.attributes(volume)).resolves.toMatchObject({
      notes: 'verdict: crash',
      protected: false,
    });
    const deletion = await dual.storage.deleteBackup(volume);
    if (deletion !== null) requireSuccess(await ended(dual, deletion));
    await expect(dual.storage.backups(local, { vmid: 201 })).resolves.toEqual([]);
  });

  it('of a guest that cannot snapshot falls back to suspend mode, visibly', async () => {
    const outcome = await backUp(dual, g202);
    expect(outcome.status).toBe('ok');
    expect(eventsOf(outcome)).toContainEqual({ kind: 'fallback', to: 'suspend' });
    expect(eventsOf(outcome)).toContainEqual({ kind: 'mode', mode: 'suspend' });
  });

  it('shows, poll by poll, that no line was seen before it was written', async () => {
    const upid = await dual.vzdump.start('pve1', { vmid: 201, storage: 'local', mode: 'snapshot' });
    const numbers: number[] = [];
    const outcome = await waitForTask(dual.tasks, upid, {
      signal: new AbortController().signal,
      deadlineMs: 30_000,
      pollMs: 1,
      onPoll: ({ lines, sentAtMs, receivedAtMs }) => {
        expect(receivedAtMs).toBeGreaterThan(sentAtMs);
        numbers.push(...lines.map(({ n }) => n));
      },
    });
    expect(outcome.log[0]?.text).toMatch(/^INFO: starting new backup job/);
    expect(numbers).toEqual(numbers.map((_, index) => index + 1));
  });

  it('waits for the lock of the node, and says so; or does not, and fails', async () => {
    const first = await dual.vzdump.start('pve1', { vmid: 202, storage: 'local', mode: 'snapshot' });
    await seen(dual, first, 'job-started');
    const impatient = await backUp(dual, g201, { lockwaitMinutes: 0 });
    expect(impatient).toMatchObject({ status: 'failed', exitstatus: 'unexpected status' });
    expect(eventsOf(impatient)).toContainEqual({ kind: 'lock-failed', reason: '(wait = 0)' });
    const patient = await backUp(dual, g201);
    expect(patient.status).toBe('ok');
    expect(eventsOf(patient).slice(0, 2)).toEqual([{ kind: 'waiting-for-lock' }, { kind: 'got-lock' }]);
    expect(await ended(dual, first)).toMatchObject({ status: 'ok' });
  });

  it('can be stopped while it waits for the lock, by its owner only', async () => {
    const first = await dual.vzdump.start('pve1', { vmid: 202, storage: 'local', mode: 'snapshot' });
    await seen(dual, first, 'job-started');
    const second = await dual.vzdump.start('pve1', { vmid: 201, storage: 'local', mode: 'snapshot' });
    await seen(dual, second, 'waiting-for-lock');
    await expect(none.tasks.stop(second)).rejects.toBeInstanceOf(ForbiddenError);
    await dual.tasks.stop(second);
    const outcome = await ended(dual, second);
    expect(eventsOf(outcome)).toContainEqual({ kind: 'lock-failed', reason: 'interrupted by signal' });
    expect(await ended(dual, first)).toMatchObject({ status: 'ok' });
  });

  it('that is stopped half-way is a failure with its cause', async () => {
    const upid = await dual.vzdump.start('pve1', { vmid: 201, storage: 'local', mode: 'snapshot' });
    await seen(dual, upid, 'archive-started');
    await dual.tasks.stop(upid);
    expect(await ended(dual, upid)).toMatchObject({
      status: 'failed',
      exitstatus: 'job errors',
      errorLines: [expect.stringContaining('Backup of VM 201 failed')],
    });
  });

  it('whose start got no answer may have started: the task list knows', async () => {
    const before = await dual.tasks.list('pve1', { type: 'vzdump', source: 'all' });
    sim.setFault('pve1', 'daemon-hung');
    const lost = dual.vzdump.start('pve1', { vmid: 201, storage: 'local', mode: 'snapshot' });
    await expect(lost).rejects.toBeInstanceOf(UnreachableError);
    await expect(lost).rejects.toMatchObject({ mayHaveStarted: true });
    sim.setFault('pve1', undefined);
    await expect
      .poll(async () => (await dual.tasks.list('pve1', { type: 'vzdump', source: 'all' })).length, {
        timeout: 10_000,
      })
      .toBe(before.length + 1);
    const [started] = (await dual.tasks.list('pve1', { type: 'vzdump', source: 'all' })).filter(
      ({ upid }) => !before.some((one) => one.upid === upid),
    );
    if (started === undefined) throw new Error('not started');
    expect(await ended(dual, started.upid)).toMatchObject({ status: 'ok' });
  });

  it('is followed through a time in which the node cannot be reached', async () => {
    const errors: Error[] = [];
    const upid = await dual.vzdump.start('pve1', { vmid: 201, storage: 'local', mode: 'snapshot' });
    sim.setFault('pve1', 'refused');
    const outcome = await waitForTask(dual.tasks, upid, {
      signal: new AbortController().signal,
      deadlineMs: 30_000,
      pollMs: 10,
      onPollError: (error) => {
        errors.push(error);
        if (errors.length === 3) sim.setFault('pve1', undefined);
      },
    });
    expect(errors[0]).toBeInstanceOf(UnreachableError);
    expect(outcome.status).toBe('ok');
  });
});

describe('a restore', () => {
  it('makes a new guest from a backup, which can be started and destroyed', async () => {
    requireSuccess(await backUp(dual, g201));
    const archive = (await dual.storage.backups(local, { vmid: 201 })).at(-1)?.volid ?? '';
    const vmid = await root.cluster.nextId();
    const guest = { node: 'pve1', vmid };
    const restored = await root.lxc.restore({
      ...guest,
      archive,
      storage: 'btr',
      unique: true,
      overrides: { net0: 'name=eth0,bridge=vmbr0,ip=dhcp' },
    });
    requireSuccess(await ended(root, restored));
    await expect(root.lxc.config(guest)).resolves.toMatchObject({
      unprivileged: true,
      features: { nesting: '1', keyctl: '1' },
      networks: { net0: { ip: 'dhcp' } },
    });
    requireSuccess(await ended(root, await root.lxc.start(guest)));
    await expect(root.lxc.status(guest)).resolves.toMatchObject({ status: 'running' });
    requireSuccess(await ended(root, await root.lxc.destroy(guest, { force: true, purge: true })));
    await expect(root.lxc.status(guest)).rejects.toBeInstanceOf(MissingError);
  });

  it('is not for the token that may only back up', async () => {
    await expect(
      dual.lxc.restore({ node: 'pve1', vmid: 305, archive: 'local:backup/x.tar.zst', storage: 'btr' }),
    ).rejects.toBeInstanceOf(ForbiddenError);
  });

  it('of an archive that is not there is a failure', async () => {
    const archive = 'local:backup/vzdump-lxc-201-2020_01_01-00_00_00.tar.zst';
    const upid = await root.lxc.restore({ node: 'pve1', vmid: 306, archive, storage: 'btr' });
    const outcome = await ended(root, upid);
    expect(() => requireSuccess(outcome)).toThrow(MissingError);
  });
});

it('snapshots are created, listed, rolled back to and deleted', async () => {
  requireSuccess(
    await ended(dual, await dual.lxc.createSnapshot(g201, { name: 's1', description: 'first' })),
  );
  await expect(dual.lxc.snapshots(g201)).resolves.toMatchObject([{ name: 's1' }]);
  requireSuccess(await ended(dual, await dual.lxc.rollback(g201, 's1')));
  await expect(dual.lxc.status(g201)).resolves.toMatchObject({ status: 'stopped' });
  requireSuccess(await ended(dual, await dual.lxc.deleteSnapshot(g201, 's1')));
  await expect(dual.lxc.snapshots(g201)).resolves.toEqual([]);
});
