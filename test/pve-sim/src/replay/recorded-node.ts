import { type ContentFactory, MemoryBackend, type MemoryGuest } from '../memory/memory-backend.ts';
import type { AclOptions, PveSimOptions, SimTiming, UserOptions } from '../options.ts';
import { type PveSim, startPveSim } from '../sim.ts';

/** Fast, but with every wait still there. */
export const FAST: Partial<SimTiming> = {
  authDelayMs: 5,
  forkMs: 5,
  statusLagMs: 5,
  noRouteMs: 20,
  proxyTimeoutMs: 100,
  lockwaitMinuteMs: 150,
  killAfterMs: 1_500,
};

const guest = (
  vmid: number,
  disks: Record<string, string>,
  more: Record<string, string> = {},
): MemoryGuest => ({
  vmid,
  running: vmid !== 205,
  config: {
    arch: 'amd64',
    cores: 1,
    features: 'nesting=1',
    hostname: vmid === 210 ? 'dockerct' : `ct${vmid}`,
    memory: 512,
    net0: `name=eth0,bridge=vmbr0,gw=10.88.0.1,hwaddr=BC:24:11:17:24:F4,ip=10.88.0.${vmid}/24,type=veth`,
    ostype: 'debian',
    swap: 512,
    unprivileged: 1,
    ...disks,
    ...more,
  },
});

/** The guests of the recorded node: what each is for stands beside it. */
const GUESTS: readonly MemoryGuest[] = [
  // Snapshots work.
  guest(201, { rootfs: 'btr:201/vm-201-disk-0.raw,size=2G' }, { features: 'nesting=1,keyctl=1' }),
  // On a storage that cannot snapshot.
  guest(202, { rootfs: 'local:202/vm-202-disk-0.raw,size=1G' }, { features: 'nesting=1,keyctl=1' }),
  // Granted to nobody.
  guest(203, { rootfs: 'btr:203/vm-203-disk-0.raw,size=1G' }),
  // Two volumes.
  guest(204, {
    rootfs: 'btr:204/vm-204-disk-0.raw,size=1G',
    mp0: 'btr:204/vm-204-disk-1.raw,mp=/data,backup=1,size=1G',
  }),
  // Stopped; its second volume is left out of backups.
  guest(205, {
    rootfs: 'btr:205/vm-205-disk-0.raw,size=1G',
    mp0: 'btr:205/vm-205-disk-1.raw,mp=/data,size=1G',
  }),
  // A btrfs subvolume without a quota.
  guest(206, { rootfs: 'btr:206/subvol-206-disk-0.subvol,size=0T' }),
  // Docker.
  guest(
    210,
    { rootfs: 'btr:210/vm-210-disk-0.raw,size=6G' },
    { features: 'nesting=1,keyctl=1', memory: '2048' },
  ),
];

const BKOP = ['VM.Audit', 'VM.Snapshot', 'VM.Backup', 'Datastore.AllocateSpace', 'Datastore.Audit'];

function grants(vmids: readonly number[], holders: readonly string[]): AclOptions[] {
  const paths = [...vmids.map((vmid) => `/vms/${vmid}`), '/storage/local'];
  return paths.flatMap((path) => holders.map((to) => ({ path, role: 'BkOp', to })));
}

/** The grants before guest 204 was destroyed and made anew, which took its entries away. */
export const FIRST_ACL: readonly AclOptions[] = [
  ...grants([201, 202, 204], ['dual@pve', 'dual@pve!tk', 'useronly@pve', 'tokonly@pve!tk', 'full@pve']),
];

export const LATER_ACL: readonly AclOptions[] = [
  ...grants([201, 202], ['dual@pve', 'dual@pve!tk', 'useronly@pve', 'tokonly@pve!tk', 'full@pve']),
  ...grants([204, 205, 206, 210], ['dual@pve', 'dual@pve!tk']),
];

export const SECRET = 'b3a5f0c2-0000-4000-8000-000000000001';

export const ROOT: UserOptions = {
  userid: 'root@pam',
  password: 'ROOT-PASSWORD',
  tokens: [{ tokenid: 'root', privsep: false, secret: SECRET }],
};

const withToken = (userid: string, privsep: boolean): UserOptions => ({
  userid,
  tokens: [{ tokenid: 'tk', privsep, secret: SECRET }],
});

export const USERS: readonly UserOptions[] = [
  ROOT,
  withToken('dual@pve', true),
  withToken('tokonly@pve', true),
  withToken('useronly@pve', true),
  withToken('none@pve', true),
  withToken('full@pve', false),
];

export interface RecordedNode extends AsyncDisposable {
  readonly sim: PveSim;
  readonly backend: MemoryBackend;
}

/** A simulator configured as the node was that the recordings were made on. */
export async function startRecordedNode(
  options: Partial<PveSimOptions> & {
    readonly stepMs?: number;
    readonly guests?: 'none' | 'stopped';
    readonly content?: ContentFactory;
  } = {},
): Promise<RecordedNode> {
  const { stepMs = 10, guests, content, ...rest } = options;
  const stopped = GUESTS.map((each) => ({ ...each, running: false }));
  const backend = new MemoryBackend({
    guests: guests === 'none' ? [] : guests === 'stopped' ? stopped : GUESTS,
    stepMs,
    ...(content === undefined ? {} : { content }),
  });
  const sim = await startPveSim({
    backend,
    nodes: ['pve1', 'pve2', 'pve3', 'pve4'],
    storages: [
      {
        storage: 'local',
        type: 'dir',
        path: '/var/lib/vz',
        content: ['backup', 'images', 'iso', 'rootdir', 'vztmpl'],
      },
      { storage: 'btr', type: 'btrfs', path: '/mnt/btr', content: ['images', 'rootdir'] },
      { storage: 'bk2', type: 'dir', path: '/var/lib/bk2', content: ['backup'] },
      { storage: 'tiny', type: 'dir', path: '/mnt/tiny', content: ['backup'] },
    ],
    roles: { BkOp: BKOP },
    users: USERS,
    acl: LATER_ACL,
    timing: FAST,
    ...rest,
  });
  return { sim, backend, [Symbol.asyncDispose]: () => sim[Symbol.asyncDispose]() };
}

/** An archive as it lay on the recorded node's `local`, made from this guest. */
export function plantArchive(backend: MemoryBackend, file: string, damage?: 'truncated' | 'garbage'): void {
  const vmid = Number(/^vzdump-lxc-(\d+)-/.exec(file)?.[1]);
  const source = GUESTS.find((candidate) => candidate.vmid === vmid);
  if (source === undefined) throw new Error(`no guest for ${file}`);
  const configText = Object.entries(source.config)
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, value]) => `${key}: ${value}\n`)
    .join('');
  backend.archives.put(`/var/lib/vz/dump/${file}`, {
    fileBytes: 67_982_336,
    totalBytes: 215_746_560,
    configText,
    captured: undefined,
    ...(damage === undefined ? {} : { damage }),
  });
}
