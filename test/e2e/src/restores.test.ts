import { enrolAgent, FakeAgent, fakeIncarnation, FakeQuiesce, fakeStatus } from '@tacet/controller/testing';
import {
  type Backup,
  backupListSchema,
  guestListSchema,
  guestSnapshotListSchema,
  type Operation,
  operationSchema,
  problemSchema,
} from '@tacet/protocol';
import { connect, type LxcConfig, printProperties, type ProxmoxClient } from '@tacet/proxmox';
import { systemClock, Undo } from '@tacet/runtime';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type House, openHouse, originalMac } from './house.ts';

const copyMac = 'bc:24:11:00:00:02';

let undo: Undo;
let house: House;
let quiesce: FakeQuiesce;
let node: ProxmoxClient;
let credential: string;

beforeEach(async () => {
  undo = new Undo();
  house = await openHouse(undo);
  quiesce = new FakeQuiesce(systemClock);
  const { url, fingerprint } = house.sim;
  const token = house.sim.createToken('root@pam', { tokenid: 'watch', privsep: false });
  node = connect({ url, token, trust: { fingerprint } });
  undo.defer(() => node.close());
  credential = await enrolAgent(house.api, 101, fakeIncarnation(101, originalMac));
});
afterEach(() => undo[Symbol.asyncDispose]());

async function agentOf(vmid: number, ready: 'True' | 'False' = 'True'): Promise<FakeAgent> {
  const { agentUrl: url, fingerprint } = house.controller;
  const agent = await FakeAgent.connect({
    url,
    fingerprint,
    credential,
    incarnation: fakeIncarnation(vmid, vmid === 101 ? originalMac : copyMac),
    status: fakeStatus(ready),
    answer: quiesce.answer.bind(quiesce),
  });
  undo.defer(() => agent[Symbol.asyncDispose]());
  await agent.next('welcome');
  return agent;
}

/** Its agent calls as soon as the guest runs, and only then. */
async function agentOnceRunning(vmid: number, ready: 'True' | 'False' = 'True'): Promise<FakeAgent> {
  await expect.poll(() => isRunning(vmid), { timeout: 30_000 }).toBe(true);
  return await agentOf(vmid, ready);
}

async function isRunning(vmid: number): Promise<boolean> {
  const guests = await node.cluster.guests();
  return guests.some((guest) => guest.vmid === vmid && guest.status === 'running');
}

async function exists(vmid: number): Promise<boolean> {
  return (await node.cluster.guests()).some((guest) => guest.vmid === vmid);
}

async function configOf(vmid: number, name = 'pve1'): Promise<LxcConfig> {
  return await node.lxc.config({ node: name, vmid });
}

async function start(path: string, body: object = {}): Promise<Operation> {
  return await house.api.expect(operationSchema, 'POST', `/api/v1/guests/${path}`, body);
}

async function ended({ id }: Operation): Promise<Operation> {
  for (const deadline = Date.now() + 50_000; Date.now() < deadline; await systemClock.sleep(50)) {
    const operation = await house.api.expect(operationSchema, 'GET', `/api/v1/operations/${id}`);
    if (operation.state !== 'running') return operation;
  }
  throw new Error(`the operation did not end:\n${house.log.join('')}`);
}

async function backUp(): Promise<string> {
  const { backup } = await ended(await start('101/backups'));
  if (backup === null) throw new Error('no backup');
  return backup.id;
}

async function refusal(path: string, body: object): Promise<{ code: string; hint?: string | undefined }> {
  const answer = await house.api.call('POST', `/api/v1/guests/${path}`, body);
  expect(answer.status).toBeGreaterThan(399);
  return problemSchema.parse(answer.body);
}

async function backups101(): Promise<Backup[]> {
  return (await house.api.expect(backupListSchema, 'GET', '/api/v1/backups?vmid=101')).backups;
}

async function damage(): Promise<void> {
  const { archives } = house.backend;
  for (const { path } of await archives.list('/var/lib/vz/dump')) {
    const archive = archives.get(path);
    if (archive !== undefined) archives.put(path, { ...archive, damage: 'truncated' });
  }
}

async function stepsOf({ id }: Operation): Promise<string[]> {
  return namesOf(await house.api.expect(operationSchema, 'GET', `/api/v1/operations/${id}`));
}

const namesOf = ({ steps }: Operation): string[] => steps.map(({ name }) => name);

describe('a restore under another VMID', () => {
  it.each([
    ['keep', { policy: 'keep' }, { bridge: 'vmbr0' }],
    ['dhcp', { policy: 'dhcp' }, { bridge: 'vmbr0', ip: 'dhcp' }],
    [
      'static',
      { policy: 'static', address: '10.0.0.77/24', gateway: '10.0.0.254' },
      { bridge: 'vmbr0', ip: '10.0.0.77/24', gw: '10.0.0.254' },
    ],
    ['link-down', { policy: 'link-down' }, { bridge: 'vmbr0', link_down: '1' }],
  ])('gives the copy a network by policy, and a MAC address of its own: %s', async (_, network, expected) => {
    await backUp();
    const restoring = start('101/restores', { to: 201, network });
    await agentOnceRunning(201);
    const operation = await ended(await restoring);
    expect(operation).toMatchObject({ state: 'succeeded', restoredTo: 201 });
    expect(namesOf(operation)).toContain(network.policy === 'link-down' ? 'not-awaited' : 'ready');
    const { networks, unprivileged, features } = await configOf(201);
    const { hwaddr, name, type, ...net0 } = networks['net0'] ?? {};
    expect(net0).toEqual(expected);
    expect([name, type]).toEqual(['eth0', 'veth']);
    expect(hwaddr?.toLowerCase()).not.toBe(originalMac);
    expect({ unprivileged, features }).toEqual({
      unprivileged: true,
      features: { nesting: '1', keyctl: '1' },
    });
    expect(operation.steps.find(({ name: step }) => step === 'config')?.message).toBe(
      'as in the backup: unprivileged, nesting=1, keyctl=1',
    );
  });

  it('goes to another node where that sees the backup', async () => {
    await backUp();
    const restoring = start('101/restores', { to: 201, node: 'pve2', storage: 'btr' });
    await agentOnceRunning(201);
    expect(await ended(await restoring)).toMatchObject({ state: 'succeeded', restoredTo: 201 });
    const found = (await node.cluster.guests()).find(({ vmid }) => vmid === 201);
    expect(found?.node).toBe('pve2');
    expect(await refusal('101/restores', { to: 202, node: 'pve9' })).toMatchObject({ code: 'invalid-input' });
  });

  it('of a damaged archive leaves no guest behind, and says why', async () => {
    await backUp();
    await damage();
    const operation = await ended(await start('101/restores', { to: 201 }));
    expect(operation).toMatchObject({ state: 'failed', restoredTo: null, error: { code: 'restore-failed' } });
    expect(operation.error?.message).toContain('exit code 2');
    expect(operation.error?.hint).toBeUndefined();
    expect(await exists(201)).toBe(false);
    expect(await isRunning(101)).toBe(true);
  });
});

describe('a restore in place', () => {
  it('asks for the word that the guest is to be replaced', async () => {
    await backUp();
    expect(await refusal('101/restores', { to: 101 })).toMatchObject({
      code: 'conflict',
      hint: expect.stringContaining('--in-place'),
    });
    house.sim.setConfig(101, { protection: 1 });
    expect(await refusal('101/restores', { to: 101, replace: true })).toMatchObject({
      code: 'conflict',
      hint: expect.stringContaining('--protection 0'),
    });
  });

  it('is refused where a volume of the guest is in no backup, and names it', async () => {
    await backUp();
    house.sim.setConfig(101, {
      mp0: 'btr:101/vm-101-disk-1.raw,mp=/data,size=1G',
      mp1: 'btr:101/vm-101-disk-2.raw,mp=/kept,backup=1,size=1G',
      mp2: '/srv/shared,mp=/shared',
    });
    const refused = await house.api.call('POST', '/api/v1/guests/101/restores', { to: 101, replace: true });
    const { code, detail, hint } = problemSchema.parse(refused.body);
    expect(code).toBe('conflict');
    expect(detail).toMatch(/: mp0 \(\/data\)$/);
    expect(hint).toContain('backup=1');
    expect(await isRunning(101)).toBe(true);
  });

  it('takes a mount point with backup=1 along, and claims no more than that', async () => {
    house.sim.setConfig(101, { mp0: 'btr:101/vm-101-disk-1.raw,mp=/data,backup=1,size=1G' });
    await backUp();
    const operation = await start('101/restores', { to: 101, replace: true });
    await expect.poll(() => stepsOf(operation), { timeout: 30_000 }).toContain('started');
    await agentOf(101);
    const done = await ended(operation);
    expect(done).toMatchObject({ state: 'succeeded', restoredTo: 101 });
    expect(done.steps.find(({ name }) => name === 'safety')?.message).toMatch(
      /root disk of guest 101 and its mount points with backup=1.* bind-mounted .* in no backup/,
    );
  });

  it('that is asked for again takes the backup that it was to take, and not its own safety backup', async () => {
    const id = await backUp();
    await damage();
    const failed = await ended(await start('101/restores', { to: 101, replace: true }));
    expect(failed.error?.hint).toContain(`tacet restore 101 --in-place --backup ${failed.backup?.id}`);
    const again = await ended(await start('101/restores', { to: 101, replace: true }));
    const volid = (await backups101()).find((backup) => backup.id === id)?.volid ?? 'none';
    expect(again.error?.message).toContain('exit code 2');
    expect(again.steps.find(({ name }) => name === 'restoring')?.message).toContain(volid);
  });

  it('makes a safety backup of what is there, then replaces it and waits for its agent to call again', async () => {
    const before = await agentOf(101);
    const id = await backUp();
    await ended(await start('101/snapshots', { before: 'the test' }));
    const operation = await start('101/restores', { to: 101, replace: true });
    await expect.poll(() => stepsOf(operation), { timeout: 30_000 }).toContain('started');
    // Nobody is taken for the restored guest who was connected before.
    expect(await stepsOf(operation)).not.toContain('back');
    before.cut();
    await agentOnceRunning(101);
    const done = await ended(operation);
    expect(done).toMatchObject({ state: 'succeeded', restoredTo: 101 });
    expect(done.backup?.verdict.consistency).toBe('app');
    expect(done.backup?.id).not.toBe(id);
    expect(namesOf(done)).toEqual(
      expect.arrayContaining([
        'verdict',
        'safety',
        'snapshots',
        'stopped',
        'restoring',
        'restored',
        'config',
        'started',
        'back',
        'ready',
      ]),
    );
    expect((await configOf(101)).networks['net0']?.['hwaddr']?.toLowerCase()).toBe(originalMac);
    const { backups } = await house.api.expect(backupListSchema, 'GET', '/api/v1/backups?vmid=101');
    expect(backups.map((backup) => [backup.id, backup.origin])).toEqual([
      [done.backup?.id, 'restore'],
      [id, 'controller'],
    ]);
    const { guests } = await house.api.expect(guestListSchema, 'GET', '/api/v1/guests');
    expect(guests.map(({ vmid, identity }) => [vmid, identity])).toEqual([[101, 'enrolled']]);
  });

  it('of an archive that breaks off says where the guest is, and that brings it back', async () => {
    await agentOf(101);
    const id = await backUp();
    await damage();
    const failed = await ended(await start('101/restores', { to: 101, replace: true, backupId: id }));
    expect(failed).toMatchObject({ state: 'failed', restoredTo: null, error: { code: 'restore-failed' } });
    const safety = failed.backup;
    expect(safety).not.toBeNull();
    expect(failed.error?.hint).toContain('There is no guest 101 any more.');
    expect(failed.error?.hint).toMatch(/as root on pve1: pct restore 101 local:backup\/vzdump-lxc-101-/);
    expect(failed.error?.hint).toContain(safety?.volid);
    expect(await exists(101)).toBe(false);

    const restoring = start('101/restores', { to: 101, backupId: safety?.id });
    await agentOnceRunning(101);
    expect(await ended(await restoring)).toMatchObject({ state: 'succeeded', restoredTo: 101, backup: null });
  });

  it('that Proxmox VE refuses leaves the guest running as before', async () => {
    const id = await backUp();
    await node.access.withdraw({ path: '/', role: 'TacetOperator', users: ['op@pve'] });
    for (const path of ['/vms', '/storage']) house.sim.grant('op@pve', path, 'TacetOperator');
    const failed = await ended(
      await start('101/restores', { to: 101, replace: true, backupId: id, safety: 'none' }),
    );
    expect(failed).toMatchObject({ state: 'failed', backup: null });
    expect(failed.error?.message).toContain('SDN.Use');
    expect(failed.error?.hint).toContain('Guest 101 runs as before.');
    expect(await isRunning(101)).toBe(true);
  });
});

describe('a snapshot before a change', () => {
  it('is taken while the guest is held, has a proof, and is what a rollback goes back to', async () => {
    const agent = await agentOf(101);
    const taken = await ended(await start('101/snapshots', { before: 'upgrade Nextcloud to 31' }));
    expect(taken).toMatchObject({
      state: 'succeeded',
      snapshot: { name: 'before-upgrade-nextcloud-to-31', before: 'upgrade Nextcloud to 31' },
    });
    expect(taken.snapshot?.verdict).toMatchObject({ consistency: 'app', reason: 'HoldSpansSnapshot' });
    expect(quiesce.journal).toEqual(['prepare', 'hold', 'thaw']);
    const again = await ended(await start('101/snapshots', { before: 'upgrade Nextcloud to 31' }));
    expect(again.snapshot?.name).toBe('before-upgrade-nextcloud-to-31-2');
    const list = await house.api.expect(guestSnapshotListSchema, 'GET', '/api/v1/guests/101/snapshots');
    expect(list.snapshots.map(({ name, held }) => [name, held?.verdict.consistency])).toEqual(
      expect.arrayContaining([
        ['before-upgrade-nextcloud-to-31', 'app'],
        ['before-upgrade-nextcloud-to-31-2', 'app'],
      ]),
    );

    const rolling = await start('101/rollbacks', { name: taken.snapshot?.name });
    await expect.poll(() => stepsOf(rolling), { timeout: 30_000 }).toContain('started');
    agent.cut();
    await agentOnceRunning(101);
    const rolled = await ended(rolling);
    expect(rolled).toMatchObject({ state: 'succeeded', kind: 'rollback' });
    expect(namesOf(rolled)).toEqual(['rolling-back', 'rolled-back', 'started', 'back', 'ready']);
  });

  it.each([
    ['runs', true],
    ['is stopped', false],
  ])('that cannot be rolled back to leaves a guest that %s as it was', async (state, wasRunning) => {
    await ended(await start('101/snapshots', { before: 'x' }));
    if (!wasRunning) await house.backend.stop(101);
    house.backend.rollback = () => Promise.reject(new Error('the storage is gone'));
    const failed = await ended(await start('101/rollbacks'));
    expect(failed).toMatchObject({ state: 'failed', error: { code: 'restore-failed' } });
    expect(failed.error?.hint).toContain(`Guest 101 ${state} as before.`);
    expect(await isRunning(101)).toBe(wasRunning);
    const starts = await node.tasks.list('pve1', { type: 'vzstart', vmid: 101, source: 'all' });
    expect(starts).toHaveLength(wasRunning ? 1 : 0);
  });

  it('is not begun where the storage cannot, and says what can be done instead', async () => {
    const operation = await ended(await start('102/snapshots', { before: 'x' }));
    expect(operation.error).toMatchObject({
      code: 'invalid-input',
      hint: expect.stringContaining('tacet backup 102'),
    });
    expect(quiesce.journal).toEqual([]);
    expect(await refusal('102/rollbacks', {})).toMatchObject({ code: 'not-found' });
  });

  it('without an agent is taken all the same, and called what it is', async () => {
    const operation = await ended(await start('101/snapshots', { before: 'x' }));
    expect(operation.snapshot?.verdict).toMatchObject({
      consistency: 'crash',
      reason: 'NotHeld',
      proof: null,
    });
  });
});

describe('a drill', () => {
  it('is of what was backed up, and not of what a restore has put aside', async () => {
    const id = await backUp();
    const restoring = await start('101/restores', { to: 101, replace: true });
    await expect.poll(() => stepsOf(restoring), { timeout: 30_000 }).toContain('started');
    await agentOf(101);
    const { backup: safety } = await ended(restoring);
    const drilling = start('101/drills');
    await agentOnceRunning(900);
    expect(await ended(await drilling)).toMatchObject({ state: 'succeeded' });
    expect((await backups101()).map((backup) => [backup.id, backup.drill?.outcome])).toEqual([
      [safety?.id, undefined],
      [id, 'proven'],
    ]);
  });

  it('proves a backup in a scratch guest on an isolated network, and leaves nothing of it', async () => {
    const original = await agentOf(101);
    const id = await backUp();
    const drilling = start('101/drills');
    await expect.poll(() => isRunning(900), { timeout: 30_000 }).toBe(true);
    expect(await refusal('101/drills', {})).toMatchObject({ code: 'conflict' });
    const { networks, tags, description } = await configOf(900);
    expect(networks['net0']).toMatchObject({ bridge: 'vmbr9', ip: '10.99.0.2/24', gw: '10.99.0.1' });
    expect(networks['net0']?.['hwaddr']?.toLowerCase()).not.toBe(originalMac);
    expect(tags).toEqual(['tacet-drill']);
    expect(description).toContain((await drilling).id);
    await agentOf(900);
    const operation = await ended(await drilling);
    expect(operation).toMatchObject({ state: 'succeeded', kind: 'drill', restoredTo: null });
    expect(namesOf(operation)).toEqual(
      expect.arrayContaining(['ordered', 'restored', 'started', 'ready', 'proven', 'removed']),
    );
    expect(await exists(900)).toBe(false);
    expect(original.isOpen).toBe(true);
    const { backups } = await house.api.expect(backupListSchema, 'GET', '/api/v1/backups?vmid=101');
    expect(backups[0]).toMatchObject({ id, drill: { outcome: 'proven', scratchVmid: 900 } });
    expect(backups[0]?.drill?.readyAfterMs).toBeGreaterThan(0);
    const { guests } = await house.api.expect(guestListSchema, 'GET', '/api/v1/guests');
    expect(guests.map(({ vmid }) => vmid)).toEqual([101]);
  });

  it('isolates every network of the scratch guest, not the first only', async () => {
    const second = { bridge: 'vmbr0', tag: '7', ip: '10.0.7.5/24', gw: '10.0.7.1' };
    house.sim.setConfig(101, { net1: `name=eth1,${printProperties(second)},type=veth` });
    await backUp();
    const drilling = start('101/drills');
    await agentOnceRunning(900);
    const { networks } = await configOf(900);
    expect(Object.keys(networks)).toEqual(['net0', 'net1']);
    expect(networks['net1']).toMatchObject({ name: 'eth1', bridge: 'vmbr9', link_down: '1' });
    expect(networks['net1']).not.toHaveProperty('tag');
    expect(await ended(await drilling)).toMatchObject({ state: 'succeeded' });
  });

  it('does not start a scratch guest that has come with a network nobody isolated, and destroys it', async () => {
    await backUp();
    const restore = house.backend.restore.bind(house.backend);
    house.backend.restore = async (job) => {
      const restored = await restore(job);
      house.sim.setConfig(900, { net3: 'name=eth3,bridge=vmbr0,ip=dhcp,type=veth' });
      return restored;
    };
    const operation = await ended(await start('101/drills'));
    expect(operation).toMatchObject({ state: 'failed', error: { code: 'restore-failed' } });
    expect(operation.error?.message).toContain('not isolated is net3 (name=eth3,bridge=vmbr0');
    expect(namesOf(operation)).toContain('removed');
    expect(namesOf(operation)).not.toContain('started');
    expect(await exists(900)).toBe(false);
    expect(await node.tasks.list('pve1', { type: 'vzstart', vmid: 900, source: 'all' })).toEqual([]);
  });

  it('of a backup whose guest does not become ready fails, says so in the history, and leaves nothing', async () => {
    await backUp();
    const drilling = start('101/drills');
    await agentOnceRunning(900, 'False');
    const operation = await ended(await drilling);
    expect(operation).toMatchObject({ state: 'failed', error: { code: 'deadline-exceeded' } });
    expect(operation.error?.message).toContain('shop/web is exited');
    expect(await exists(900)).toBe(false);
    const { backups } = await house.api.expect(backupListSchema, 'GET', '/api/v1/backups?vmid=101');
    expect(backups[0]?.drill).toMatchObject({ outcome: 'failed', readyAfterMs: null });
  });

  it('of a damaged archive fails, and leaves nothing', async () => {
    await backUp();
    await damage();
    const operation = await ended(await start('101/drills'));
    expect(operation).toMatchObject({ state: 'failed', error: { code: 'restore-failed' } });
    expect(await exists(900)).toBe(false);
  });

  it('never destroys a guest that does not bear its mark', async () => {
    await backUp();
    const drilling = start('101/drills');
    await expect.poll(() => isRunning(900), { timeout: 30_000 }).toBe(true);
    house.sim.setConfig(900, { tags: 'mine', description: 'no scratch guest any more' });
    await agentOf(900);
    const operation = await ended(await drilling);
    expect(operation).toMatchObject({
      state: 'failed',
      error: { hint: expect.stringContaining('not touched') },
    });
    expect(await isRunning(900)).toBe(true);
  });

  it('takes VMIDs of its range only, and none that is taken', async () => {
    await backUp();
    for (const to of [900, 901]) {
      const restoring = start('101/restores', { to });
      await agentOnceRunning(to);
      await ended(await restoring);
    }
    expect(await refusal('101/drills', {})).toMatchObject({ code: 'conflict' });
  });

  it('is not begun where the storage has no room for the guest', async () => {
    await backUp();
    house.sim.setStorage({
      storage: 'btr',
      type: 'btrfs',
      content: ['rootdir', 'images'],
      path: '/mnt/btr',
      totalBytes: 1_000_000_000,
    });
    expect(await refusal('101/drills', {})).toMatchObject({
      code: 'conflict',
      hint: expect.stringContaining('drill.storage'),
    });
    expect(await exists(900)).toBe(false);
  });
});
