import { exitCodes } from '@tacet/cli';
import { ApiClient } from '@tacet/controller/testing';
import {
  type DoctorFinding,
  doctorReportSchema,
  type FindingId,
  type FindingSubject,
  type Guest,
  guestSchema,
} from '@tacet/protocol';
import { guestRole } from '@tacet/proxmox';
import type { AclOptions } from '@tacet/pve-sim';
import { Undo } from '@tacet/runtime';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  config,
  DoctorHouse,
  facts,
  guestToken,
  local,
  provisioned,
  restoreToken,
  stranger,
  type Trouble,
  vmid,
} from './doctor-house.ts';

const guest: FindingSubject = { kind: 'guest', vmid };
const node: FindingSubject = { kind: 'node', node: 'pve1' };
const storage: FindingSubject = { kind: 'storage', node: 'pve1', storage: 'local' };

let undo: Undo;
beforeEach(() => {
  undo = new Undo();
});
afterEach(() => undo[Symbol.asyncDispose]());

async function open(trouble?: Trouble): Promise<DoctorHouse> {
  const house = await DoctorHouse.open(trouble);
  undo.defer(() => house[Symbol.asyncDispose]());
  return house;
}

const shown = async (house: DoctorHouse): Promise<Guest['backupReady']> => {
  const api = await ApiClient.of(house.controller.clientFile);
  return (await api.expect(guestSchema, 'GET', `/api/v1/guests/${vmid}`)).backupReady;
};

const without = (isGone: (entry: AclOptions) => boolean): readonly AclOptions[] =>
  provisioned.filter((entry) => !isGone(entry));

describe('a house where all is in order', () => {
  it('has no finding at all, and nothing that could not be known', async () => {
    const house = await open();
    const { findings, notKnown, examined } = await house.examine();
    expect({ findings, notKnown }).toEqual({ findings: [], notKnown: [] });
    expect(examined).toMatchObject({ nodes: 1, storages: 1, guests: 1 });
    expect(examined.points).toBeGreaterThan(20);
    expect(examined.inOrder).toBe(examined.points);
  });

  it('changes nothing on the node by being examined', async () => {
    const house = await open();
    const before = await house.root.tasks.list('pve1', { source: 'all' });
    const acl = await house.root.access.acl();
    await house.examine();
    expect(await house.root.tasks.list('pve1', { source: 'all' })).toEqual(before);
    expect(await house.root.access.acl()).toEqual(acl);
  });
});

/** A house with one trouble. Every id that is tried here is absent from the house above, which has no finding. */
interface Case {
  readonly trouble: Trouble;
  readonly severity: DoctorFinding['severity'];
  readonly about: FindingSubject;
  readonly message: RegExp;
  readonly evidence?: RegExp;
  /** One of its commands. */
  readonly command?: string;
}

const mountPoint = 'btr:101/vm-101-disk-1.raw,mp=/data,size=4G';
const film = { stack: 'shop', service: 'db', target: '/var/lib/postgresql/data', source: '/data/db' };

const cases: readonly [string, FindingId, Case][] = [
  [
    'a token whose role was granted to itself only',
    'token-grant-incomplete',
    {
      trouble: {
        acl: without(({ path, to }) => path === '/vms/101' && to === 'tacet@pve'),
      },
      severity: 'error',
      about: guest,
      message: /backup of guest 101 fails/,
      command: `pveum acl modify /vms/101 --roles TacetGuest --users tacet@pve --tokens '${guestToken}'`,
    },
  ],
  [
    'a token whose role was granted to its user only',
    'token-grant-incomplete',
    {
      trouble: { acl: without(({ path, to }) => path === '/vms/101' && to === guestToken) },
      severity: 'error',
      about: guest,
      message: /one of the two grants is missing/,
      command: `pveum acl modify /vms/101 --roles TacetGuest --users tacet@pve --tokens '${guestToken}'`,
    },
  ],
  [
    'a token with a smaller role',
    'token-lacks-privilege',
    {
      trouble: {
        acl: provisioned.map((entry) =>
          entry.path === '/vms/101' && entry.to === guestToken ? { ...entry, role: 'PVEAuditor' } : entry,
        ),
      },
      severity: 'error',
      about: guest,
      message: /lacks VM\.Snapshot and VM\.Backup on \/vms\/101/,
      command: `pveum role modify TacetGuest --privs '${guestRole.privileges.join(' ')}'`,
    },
  ],
  [
    'a restore that may not use the network',
    'restore-lacks-network',
    {
      trouble: { acl: without(({ path }) => path.startsWith('/sdn/')) },
      severity: 'error',
      about: guest,
      message: /fails inside the task/,
      evidence: /no SDN\.Use on \/sdn\/zones\/localnetwork\/vmbr0/,
      command: `pveum acl modify /sdn/zones/localnetwork/vmbr0 --roles TacetRestore --users tacet@pve --tokens '${restoreToken}'`,
    },
  ],
  [
    'a restore that may not read the backup',
    'restore-lacks-privilege',
    {
      trouble: { acl: without(({ path, to }) => path === '/vms/101' && to === restoreToken) },
      severity: 'error',
      about: guest,
      message: /what a restore of guest 101 needs/,
      evidence: /no VM\.Backup on \/vms\/101/,
      command: `pveum acl modify /vms/101 --roles TacetRestore --users tacet@pve --tokens '${restoreToken}'`,
    },
  ],
  [
    'a node without a token for restores',
    'restore-token-missing',
    {
      trouble: { node: { restoreToken: undefined } },
      severity: 'notice',
      about: node,
      message: /No token that may restore/,
    },
  ],
  [
    'a token that reaches all guests',
    'token-over-privileged',
    {
      trouble: {
        acl: [
          ...provisioned,
          ...['tacet@pve', guestToken].map((to) => ({ path: '/vms', role: guestRole.role, to })),
        ],
      },
      severity: 'warning',
      about: guest,
      message: /may do more than Tacet needs/,
      evidence: /VM\.Backup .*on \/vms$/m,
      command: 'pveum acl list',
    },
  ],
  [
    'a token that is not refused another guest',
    'token-reaches-others',
    {
      trouble: {
        acl: [
          ...provisioned,
          ...['tacet@pve', guestToken].map((to) => ({ path: `/vms/${stranger}`, role: guestRole.role, to })),
        ],
      },
      severity: 'error',
      about: guest,
      message: /not confined to its guest/,
      evidence: /allowed: reading the status of guest 150/,
    },
  ],
  [
    'a restore token that could destroy an original',
    'token-over-privileged',
    {
      trouble: {
        acl: [
          ...provisioned,
          ...['tacet@pve', restoreToken].map((to) => ({ path: '/vms/101', role: 'TacetRestoreTarget', to })),
        ],
      },
      severity: 'warning',
      about: node,
      message: /Token tacet@pve!restore may do more/,
      evidence: /^VM\.Allocate on \/vms\/101$/m,
    },
  ],
  [
    'a token that the node does not accept',
    'token-rejected',
    {
      trouble: { secret: 'not-the-secret' },
      severity: 'error',
      about: guest,
      message: /does not accept token tacet@pve!guest-101/,
      command: 'pveum user token list tacet@pve',
    },
  ],
  [
    'a certificate that is not the pinned one',
    'node-untrusted',
    {
      trouble: { node: { trust: { fingerprint: Array(32).fill('AA').join(':') } } },
      severity: 'error',
      about: node,
      message: /does not prove to be node pve1/,
      evidence: /"fingerprint": "([0-9A-F]{2}:){31}[0-9A-F]{2}"/,
      command: 'pvenode cert info',
    },
  ],
  [
    'a node that does not answer',
    'node-unreachable',
    {
      // Nobody listens on the discard port.
      trouble: { node: { url: 'https://127.0.0.1:9' } },
      severity: 'error',
      about: node,
      message: /does not answer/,
    },
  ],
  [
    'a storage that takes no backups',
    'storage-without-backup-content',
    {
      trouble: { storages: [{ ...local, content: ['iso'] }] },
      severity: 'error',
      about: storage,
      message: /lacks `backup`/,
      command: 'pvesm set local --content backup,iso',
    },
  ],
  [
    'a storage that is disabled',
    'storage-inactive',
    {
      trouble: { storages: [{ ...local, disabled: true }] },
      severity: 'error',
      about: storage,
      message: /it is disabled/,
      command: 'pvesm set local --disable 0',
    },
  ],
  [
    'a storage that is not there',
    'storage-missing',
    { trouble: { storages: [] }, severity: 'error', about: storage, message: /no storage local/ },
  ],
  [
    'a guest whose disks cannot be snapshotted',
    'guest-cannot-snapshot',
    {
      trouble: { config: config({ rootfs: 'local:101/vm-101-disk-0.raw,size=8G' }) },
      severity: 'warning',
      about: guest,
      message: /never better than crash-consistent/,
      evidence: /rootfs: volume local:/,
      command: 'pct move-volume 101 rootfs STORAGE --delete',
    },
  ],
  [
    'a mount point that vzdump leaves out',
    'mount-point-not-in-backup',
    {
      trouble: { config: config({ mp0: mountPoint }) },
      severity: 'warning',
      about: guest,
      message: /mount point mp0 is left out/,
      command: `pct set 101 --mp0 ${mountPoint},backup=1`,
    },
  ],
  [
    'a directory of the node in the guest',
    'bind-mount-not-in-backup',
    {
      trouble: { config: config({ mp0: '/tank/films,mp=/films' }) },
      severity: 'warning',
      about: guest,
      message: /\/tank\/films of the node is bind-mounted there/,
    },
  ],
  [
    'a service that writes to a mount point that is left out',
    'service-data-outside-backup',
    {
      trouble: {
        config: config({ mp0: mountPoint }),
        facts: facts({ outside: [{ ...film, mount: { mountPoint: '/data', type: 'ext4' } }] }),
      },
      severity: 'error',
      about: guest,
      message:
        /shop\/db writes to \/var\/lib\/postgresql\/data: it lies on \/data \(ext4\), whose mount point mp0/,
      command: `pct set 101 --mp0 ${mountPoint},backup=1`,
    },
  ],
  [
    'a service whose volume is a directory of the node',
    'service-data-outside-backup',
    {
      trouble: {
        config: config({ mp0: '/tank/db,mp=/data' }),
        facts: facts({ outside: [{ ...film, mount: { mountPoint: '/data', type: 'zfs' } }] }),
      },
      severity: 'error',
      about: guest,
      message: /where \/tank\/db of the node is mounted/,
    },
  ],
  [
    'a service that writes where vzdump does not look',
    'service-data-outside-backup',
    {
      trouble: { facts: facts({ outside: [{ ...film, source: '/var/tmp/db', mount: null }] }) },
      severity: 'error',
      about: guest,
      message: /in \/var\/tmp\/db, which vzdump leaves out/,
    },
  ],
  [
    'an engine that copies every layer',
    'engine-storage-driver',
    {
      trouble: { facts: facts({ engine: { version: '29.5.3', storageDriver: 'vfs' } }) },
      severity: 'warning',
      about: guest,
      message: /stores images with vfs/,
    },
  ],
  [
    'a guest without nesting',
    'guest-lacks-nesting',
    {
      trouble: { config: config({ features: 'keyctl=1' }) },
      severity: 'warning',
      about: guest,
      message: /lacks the feature nesting/,
      command: 'pct set 101 --features keyctl=1,nesting=1',
    },
  ],
  [
    'a guest without keyctl',
    'guest-lacks-keyctl',
    {
      trouble: { config: config({ features: 'nesting=1,fuse=1' }) },
      severity: 'warning',
      about: guest,
      message: /lacks the feature keyctl/,
      command: 'pct set 101 --features nesting=1,fuse=1,keyctl=1',
    },
  ],
  [
    'a privileged guest',
    'guest-privileged',
    {
      trouble: { config: config({ unprivileged: 0 }) },
      severity: 'warning',
      about: guest,
      message: /privileged/,
    },
  ],
  [
    'a node whose vzdump runs no hook',
    'hook-missing',
    {
      trouble: { hook: 'none' },
      severity: 'warning',
      about: node,
      message: /runs no hook/,
      evidence: /vzdump\.conf has no script: line/,
    },
  ],
  [
    'a node whose vzdump runs another hook',
    'hook-foreign',
    {
      trouble: { hook: 'foreign' },
      severity: 'warning',
      about: node,
      message: /another hook than Tacet's/,
      evidence: /script: .*foreign-hook/,
    },
  ],
  [
    'a node whose vzdump names a hook that is not there',
    'hook-broken',
    { trouble: { hook: 'gone' }, severity: 'error', about: node, message: /every backup on the node fails/ },
  ],
  [
    'a hook that calls another controller',
    'hook-calls-elsewhere',
    {
      trouble: { hook: 'of another controller' },
      severity: 'warning',
      about: node,
      message: /does not call this controller/,
      evidence: /calls \/run\/another\/hook\.sock/,
    },
  ],
  [
    'a guest without an agent',
    'agent-missing',
    {
      trouble: { agent: 'none' },
      severity: 'warning',
      about: guest,
      message: /No agent of guest 101 is enrolled/,
      command: 'tacet enrol 101',
    },
  ],
  [
    'a guest whose agent is away',
    'agent-not-connected',
    { trouble: { agent: 'away' }, severity: 'warning', about: guest, message: /is not connected/ },
  ],
  [
    'an agent of an older version',
    'agent-outdated',
    {
      trouble: { agent: 'older' },
      severity: 'warning',
      about: guest,
      message: /older than the controller/,
      evidence: /agent 0\.0\.9, controller/,
    },
  ],
  [
    'an agent that does not reach its engine',
    'engine-unreachable',
    {
      trouble: { engineReachable: false },
      severity: 'warning',
      about: guest,
      message: /does not reach its engine/,
      evidence: /the socket refuses connections/,
    },
  ],
];

describe('the doctor finds', () => {
  it.each(cases)('%s: %s', async (_, id, { trouble, severity, about, message, evidence, command }) => {
    const house = await open(trouble);
    const found = (await house.find(id)).filter((one) => JSON.stringify(one.about) === JSON.stringify(about));
    expect(found).toHaveLength(1);
    const [finding] = found;
    expect(finding).toMatchObject({ severity, message: expect.stringMatching(message) });
    expect(finding?.remedy).not.toBe('');
    expect(finding?.evidence.join('\n')).toMatch(evidence ?? /(?:)/);
    expect(finding?.commands).toEqual(expect.arrayContaining(command === undefined ? [] : [command]));
  });

  it('a clock that is wrong, and no longer when it is right', async () => {
    const house = await open();
    house.sim.setClockSkew(-90_000);
    expect(await house.find('clock-skew')).toMatchObject([
      { severity: 'warning', about: node, message: expect.stringMatching(/ 8\d s behind| 90 s behind/) },
    ]);
    house.sim.setClockSkew(40_000);
    expect(await house.find('clock-skew')).toMatchObject([{ message: expect.stringContaining('ahead of') }]);
    house.sim.setClockSkew(3_000);
    expect(await house.find('clock-skew')).toEqual([]);
  });

  it('a guest that no node shows, and one without a token', async () => {
    const house = await open();
    const { findings, examined } = await house.examine([999]);
    expect(examined.guests).toBe(1);
    expect(findings.map(({ id }) => id)).toEqual(
      expect.arrayContaining(['token-missing', 'guest-not-found', 'agent-missing']),
    );
    expect(findings.find(({ id }) => id === 'token-missing')?.remedy).toContain('--guest 999');
  });
});

describe('what the doctor says to do', () => {
  it.each([
    [
      'a missing half of a grant',
      'token-grant-incomplete',
      ({ path, to }) => path === '/vms/101' && to === guestToken,
    ],
    [
      'a grant on the storage that is missing',
      'token-grant-incomplete',
      ({ path, to }) => path === '/storage/local' && to === guestToken,
    ],
    [
      'a grant whose user has a part of it for restores only',
      'token-lacks-privilege',
      ({ path, role, to }) => path === '/vms/101' && role === guestRole.role && to === 'tacet@pve',
    ],
    ['a bridge that may not be used', 'restore-lacks-network', ({ path }) => path.startsWith('/sdn/')],
    [
      'a backup that may not be read',
      'restore-lacks-privilege',
      ({ path, to }) => path === '/vms/101' && to === restoreToken,
    ],
  ] satisfies [string, FindingId, (entry: AclOptions) => boolean][])(
    'puts %s right',
    async (_, id, isGone) => {
      const house = await open({ acl: without(isGone) });
      const [finding] = await house.find(id);
      await house.follow(finding?.commands ?? []);
      expect((await house.examine()).findings).toEqual([]);
    },
  );

  it('names the half that is missing, where a token may see it', async () => {
    const acl = [
      ...without(
        ({ path, role, to }) => path === '/vms/101' && role === guestRole.role && to === 'tacet@pve',
      ),
      ...['tacet@pve', guestToken].map((to) => ({ path: '/access', role: 'PVEAuditor', to })),
    ].filter(({ path, role }) => path !== '/vms/101' || role === guestRole.role);
    const house = await open({ acl });
    const [finding] = await house.find('token-grant-incomplete');
    expect(finding?.evidence).toContain('/vms/101 is granted to the token only');
  });
});

describe('a house of another kind', () => {
  it('is in order with one token for all guests', async () => {
    const house = await open({ shared: true });
    expect((await house.examine()).findings).toEqual([]);
  });

  it('has a finding where that token may do more than back up', async () => {
    const wide = ['tacet@pve', guestToken].map((to) => ({ path: '/vms', role: 'PVEVMAdmin', to }));
    const house = await open({ shared: true, acl: [...provisioned, ...wide] });
    const [finding] = await house.find('token-over-privileged');
    expect(finding).toMatchObject({ about: node });
    expect(finding?.evidence.join()).toContain('VM.Allocate');
  });

  it('is in order with a guest on another node of the cluster, whose storage is looked at there', async () => {
    const house = await open({ onNode: 'pve2' });
    expect((await house.examine()).findings).toEqual([]);
    house.sim.setStorage({ ...local, content: ['iso'] });
    expect(await house.find('storage-without-backup-content')).toMatchObject([
      { about: { kind: 'storage', node: 'pve2', storage: 'local' } },
    ]);
  });
});

describe('whether the next backup of a guest is ready', () => {
  it('stands with the guest once it was examined, and follows what is found', async () => {
    const house = await open();
    expect(await shown(house)).toBeUndefined();
    await house.examine();
    expect(await shown(house)).toMatchObject({ status: 'True', reason: 'AllInOrder' });
    house.sim.setStorage({ ...local, content: ['iso'] });
    await house.examine([vmid]);
    expect(await shown(house)).toMatchObject({
      status: 'False',
      reason: 'StorageWithoutBackupContent',
      message: expect.stringContaining('does not take backups'),
    });
    expect((await house.tacet('status', String(vmid))).out).toMatch(/^Next +NOT READY: Storage local/m);
    house.sim.setStorage(local);
    await house.examine([stranger]);
    expect(await shown(house)).toMatchObject({ status: 'False' });
    await house.examine();
    expect(await shown(house)).toMatchObject({ status: 'True' });
  });

  it('is so with warnings, and in spite of what only a restore would fail of', async () => {
    const house = await open({
      acl: without(({ path }) => path.startsWith('/sdn/')),
      config: config({ mp0: mountPoint }),
    });
    await house.examine();
    expect(await shown(house)).toMatchObject({
      status: 'True',
      reason: 'WithWarnings',
      message: 'it will be made; mount-point-not-in-backup',
    });
  });

  it('is not known while nobody says what its services write', async () => {
    const house = await open({ agent: 'away' });
    await house.examine();
    expect(await shown(house)).toMatchObject({ status: 'Unknown', reason: 'NotKnown' });
  });
});

describe('what the doctor cannot know', () => {
  it('is told with its reason, and counts neither as in order nor as a finding', async () => {
    const house = await open({ agent: 'away' });
    const { notKnown, examined, findings } = await house.examine();
    expect(notKnown).toContainEqual({
      about: guest,
      what: "its engine's storage driver",
      because: 'its agent is not connected',
    });
    expect(examined.points).toBe(examined.inOrder + notKnown.length + findings.length);
  });

  it('is much of a node that does not answer; the others are examined all the same', async () => {
    const house = await open({ deadNode: true, storages: [{ ...local, content: ['iso'] }] });
    const { notKnown, findings, examined } = await house.examine();
    expect(examined).toMatchObject({ nodes: 2, guests: 2 });
    const dead: FindingSubject = { kind: 'node', node: 'pve9' };
    expect(findings.find(({ id }) => id === 'node-unreachable')?.about).toEqual(dead);
    expect(findings.find(({ id }) => id === 'storage-without-backup-content')?.about).toEqual(storage);
    expect(notKnown.map(({ about }) => about)).toContainEqual({ kind: 'guest', vmid: 109 });
    expect(notKnown.map(({ about }) => about)).not.toContainEqual(guest);
  });
});

describe('tacet doctor', () => {
  it('ends with 0 where all is in order, and says how much was looked at', async () => {
    const house = await open();
    const { code, out } = await house.tacet('doctor');
    expect(out).toMatch(/^Examined 1 node, 1 storage and 1 guest in /m);
    expect(out).toMatch(
      /^Of \d+ things looked at, \d+ are in order; 0 errors, 0 warnings, 0 notices, 0 not known\.$/m,
    );
    expect(code).toBe(exitCodes.ok);
  });

  it('ends with 3 for a warning, and with 5 for an error; the errors come first', async () => {
    const warned = await open({ config: config({ mp0: mountPoint }) });
    expect((await warned.tacet('doctor', String(vmid))).code).toBe(exitCodes.below);
    const broken = await open({
      config: config({ mp0: mountPoint }),
      storages: [{ ...local, content: ['iso'] }],
    });
    const { code, out } = await broken.tacet('doctor');
    expect(code).toBe(exitCodes.broken);
    expect(out.indexOf('storage-without-backup-content')).toBeLessThan(
      out.indexOf('mount-point-not-in-backup'),
    );
    expect(out).toContain(`      pct set 101 --mp0 ${mountPoint},backup=1`);
  });

  it('ends with 0 for a notice', async () => {
    const house = await open({ node: { restoreToken: undefined } });
    const { code, out } = await house.tacet('doctor');
    expect(out).toContain('restore-token-missing');
    expect(code).toBe(exitCodes.ok);
  });

  it('prints the report itself with --json, and shows the last one without asking anew', async () => {
    const house = await open();
    expect((await house.tacet('doctor', '--last')).err).toContain('nothing has been examined yet');
    const { out } = await house.tacet('--json', 'doctor', String(vmid));
    const report = doctorReportSchema.parse(JSON.parse(out));
    expect(report.guests.map((one) => one.vmid)).toEqual([vmid]);
    expect(report.complete).toBe(false);
    const last = await house.tacet('--json', 'doctor', '--last');
    expect(JSON.parse(last.out)).toEqual(report);
    expect((await house.tacet('doctor', '--last', String(vmid))).code).toBe(exitCodes.usage);
  });

  it('lets no secret through', async () => {
    const house = await open({ secret: 'a-wrong-secret' });
    const { out, err } = await house.tacet('--json', 'doctor');
    expect(out + err).not.toContain('a-wrong-secret');
  });
});
