import type { MemoryBackend } from '../memory/memory-backend.ts';
import type { PveSimOptions } from '../options.ts';
import type { PveSim } from '../sim.ts';
import type { TaskLog } from './fixtures.ts';
import type { HookFixture } from './hook-fixture.ts';
import { upidOf, type RawAnswer, type RawClient, type RawRequest } from './raw-client.ts';
import { LATER_ACL, plantArchive, SECRET, USERS } from './recorded-node.ts';

export interface Stage {
  readonly sim: PveSim;
  readonly backend: MemoryBackend;
  readonly client: RawClient;
  readonly hook: HookFixture;
}

/** How a recorded task came about, where the request alone does not say it. */
export interface Scenario {
  /** Where the recording has the log only. */
  readonly request?: RawRequest;
  readonly options?: Partial<PveSimOptions> & { readonly stepMs?: number };
  before?(stage: Stage): Promise<void> | void;
  /** While the task runs. */
  during?(stage: Stage, started: RawAnswer): Promise<void> | void;
}

const ROOT = 'root@pam!root';

const vzdump = (auth: string, params: Record<string, string | number>): RawRequest => ({
  method: 'POST',
  path: '/nodes/pve1/vzdump',
  params: { storage: 'local', compress: 'zstd', ...params },
  auth,
});

const restore = (auth: string, params: Record<string, string | number>): RawRequest => ({
  method: 'POST',
  path: '/nodes/pve1/lxc',
  params: { restore: 1, storage: 'btr', ...params },
  auth,
});

const power = (auth: string, vmid: number, action: string): RawRequest => ({
  method: 'POST',
  path: `/nodes/pve1/lxc/${vmid}/status/${action}`,
  auth,
});

async function run({ client }: Stage, request: RawRequest): Promise<void> {
  await client.finish(await client.send(request));
}

/** A guest as one of the recorded restores made it. */
async function makeGuest(stage: Stage, vmid: number, running = false): Promise<void> {
  const file = 'vzdump-lxc-201-2026_11_22-14_20_18.tar.zst';
  plantArchive(stage.backend, file);
  await run(stage, restore(ROOT, { vmid, ostemplate: `local:backup/${file}` }));
  if (running) await run(stage, power(ROOT, vmid, 'start'));
}

/** Another backup of the node that holds the global lock until the stage is over. */
async function holdGlobalLock({ client, hook, sim }: Stage): Promise<void> {
  hook.writeShell('if [ "$1" = backup-start ]; then echo sleeping; /bin/sleep 30; fi');
  sim.setHookScript(hook.script);
  await client.waitForLine(await client.send(vzdump(ROOT, { vmid: 203 })), 'INFO: sleeping');
  sim.setHookScript(undefined);
}

const abort =
  (line: string) =>
  async ({ client }: Stage, started: RawAnswer): Promise<void> => {
    await client.waitForLine(started, line);
    const path = `/nodes/pve1/tasks/${encodeURIComponent(upidOf(started))}`;
    await client.send({ method: 'DELETE', path, auth: 'dual@pve!tk' });
  };

const takeSnapshot = (vmid: number) => (stage: Stage) =>
  run(stage, {
    method: 'POST',
    path: `/nodes/pve1/lxc/${vmid}/snapshot`,
    params: { snapname: 's1' },
    auth: ROOT,
  });

/** Leaves the lock and the snapshot of a backup behind that was killed hard. */
async function killBackup({ client, sim }: Stage): Promise<void> {
  const started = await client.send(vzdump('dual@pve!tk', { vmid: 201, mode: 'snapshot' }));
  await client.waitForLine(started, 'INFO: creating');
  sim.killWorker(upidOf(started));
  await client.finish(started);
}

async function freezeByFailingHook(stage: Stage): Promise<void> {
  stage.hook.writeShell('[ "$1" != pre-restart ]');
  stage.sim.setHookScript(stage.hook.script);
  await run(stage, vzdump('dual@pve!tk', { vmid: 206, mode: 'suspend' }));
  stage.sim.setHookScript(undefined);
}

async function bindMount({ backend, client }: Stage): Promise<void> {
  const params = { mp1: '/srv/data,mp=/bind' };
  await client.send({ method: 'PUT', path: '/nodes/pve1/lxc/205/config', params, auth: ROOT });
  plantArchive(backend, 'vzdump-lxc-205-2026_11_22-14_38_41.tar.zst');
  const path = '/var/lib/vz/dump/vzdump-lxc-205-2026_11_22-14_38_41.tar.zst';
  const archive = backend.archives.get(path);
  if (archive === undefined) throw new Error('nothing planted');
  backend.archives.put(path, { ...archive, configText: `${archive.configText}mp1: /srv/data,mp=/bind\n` });
}

const BOUND = 'local:backup/vzdump-lxc-205-2026_11_22-14_38_41.tar.zst';
const OF_201 = 'local:backup/vzdump-lxc-201-2026_11_22-14_20_18.tar.zst';

/** The restoring operator of the recordings, with every grant but the one that was found out last. */
function restorer(withSdn: boolean): Partial<PveSimOptions> {
  const holders = ['rest@pve', 'rest@pve!tk'];
  const grant = (path: string, role: string) => holders.map((to) => ({ path, role, to }));
  return {
    users: [...USERS, { userid: 'rest@pve', tokens: [{ tokenid: 'tk', secret: SECRET }] }],
    acl: [
      ...LATER_ACL,
      ...grant('/vms/400', 'PVEVMAdmin'),
      ...grant('/vms/201', 'BkOp'),
      ...grant('/storage', 'PVEDatastoreUser'),
      ...(withSdn ? grant('/sdn/zones/localnetwork', 'PVESDNUser') : []),
    ],
  };
}

/** Scenarios that need more than their request. */
const SCENARIOS: Readonly<Record<string, Scenario>> = {
  'contention-A-held-72s': {
    request: vzdump(ROOT, { vmid: 203, mode: 'snapshot' }),
    before: ({ hook, sim }) => {
      hook.writeShell('if [ "$1" = backup-start ]; then echo sleeping; /bin/sleep 0.3; fi');
      sim.setHookScript(hook.script);
    },
  },
  'contention-B-202-waits': {
    before: async ({ client, hook, sim }) => {
      hook.writeShell('if [ "$1" = backup-start ]; then echo sleeping; /bin/sleep 0.3; fi');
      sim.setHookScript(hook.script);
      await client.waitForLine(await client.send(vzdump(ROOT, { vmid: 203 })), 'INFO: sleeping');
      sim.setHookScript(undefined);
    },
  },
  'contention-aborted-while-waiting': {
    request: vzdump('dual@pve!tk', { vmid: 205 }),
    before: holdGlobalLock,
    during: abort('INFO: trying to get global lock'),
  },
  'contention-lockwait-0': {
    request: vzdump('dual@pve!tk', { vmid: 205, lockwait: 0 }),
    before: holdGlobalLock,
  },
  'contention-lockwait-1-times-out': {
    request: vzdump('dual@pve!tk', { vmid: 205, lockwait: 1 }),
    before: holdGlobalLock,
  },
  'delete-303': { before: (stage) => makeGuest(stage, 303) },
  'delete-304-purge': { before: (stage) => makeGuest(stage, 304) },
  'delete-400-token': {
    request: { method: 'DELETE', path: '/nodes/pve1/lxc/400', params: { purge: 1 }, auth: 'rest@pve!tk' },
    options: restorer(true),
    before: (stage) => makeGuest(stage, 400),
  },
  'delete-backup-token': {
    before: ({ backend }) => plantArchive(backend, 'vzdump-lxc-205-2026_11_22-14_18_39.tar.zst'),
  },
  'delete-protected-backup': {
    before: async ({ backend }) => {
      const file = 'vzdump-lxc-201-2026_11_22-14_20_18.tar.zst';
      plantArchive(backend, file);
      await backend.archives.setProtected(`/var/lib/vz/dump/${file}`, true);
    },
  },
  'hook-aborted-while-sleeping': {
    before: ({ hook, sim }) => {
      hook.writeShell('if [ "$1" = pre-stop ]; then echo "line-1 (before sleep)"; exec /bin/sleep 30; fi');
      sim.setHookScript(hook.script);
    },
    during: abort('INFO: line-1'),
  },
  'hook-exit-255': {
    before: ({ hook, sim }) => {
      hook.writeShell('[ "$1" = pre-stop ] && exit 255; exit 0');
      sim.setHookScript(hook.script);
    },
  },
  'hook-killed-by-signal': {
    before: ({ hook, sim }) => {
      hook.writeShell('[ "$1" = pre-stop ] && kill -9 $$; exit 0');
      sim.setHookScript(hook.script);
    },
  },
  'hookconf-missing-script': { before: ({ sim }) => sim.setHookScript('/usr/local/bin/missing.sh') },
  'hookconf-nonexec-script': {
    before: ({ hook, sim }) => {
      hook.writeNotExecutable();
      sim.setHookScript(hook.script);
    },
  },
  'restore-202-inplace-force-token-VM.Backup': {
    before: async (stage) => {
      plantArchive(stage.backend, 'vzdump-lxc-202-2026_11_22-14_14_54.tar.zst');
      await run(stage, power(ROOT, 202, 'stop'));
    },
  },
  'restore-305-bind-mount-root-ticket': {
    request: restore('ticket:root@pam', { vmid: 305, ostemplate: BOUND }),
    before: bindMount,
  },
  'restore-305-bind-mount-root-token': {
    request: restore(ROOT, { vmid: 305, ostemplate: BOUND }),
    before: bindMount,
  },
  'restore-authz-4-vm-backup-on-source': {
    request: restore('rest@pve!tk', { vmid: 400, ostemplate: OF_201 }),
    options: restorer(false),
    before: ({ backend }) => plantArchive(backend, OF_201.slice('local:backup/'.length)),
  },
  'restore-authz-5-sdn-use': {
    request: restore('rest@pve!tk', { vmid: 400, ostemplate: OF_201 }),
    options: restorer(true),
    before: ({ backend }) => plantArchive(backend, OF_201.slice('local:backup/'.length)),
  },
  'restore-garbage-archive': {
    request: restore(ROOT, {
      vmid: 305,
      ostemplate: 'local:backup/vzdump-lxc-201-2021_01_02-00_00_00.tar.zst',
    }),
    before: ({ backend }) => plantArchive(backend, 'vzdump-lxc-201-2021_01_02-00_00_00.tar.zst', 'garbage'),
  },
  'restore-truncated-archive': {
    request: restore(ROOT, {
      vmid: 305,
      ostemplate: 'local:backup/vzdump-lxc-201-2021_01_01-00_00_00.tar.zst',
    }),
    before: ({ backend }) => plantArchive(backend, 'vzdump-lxc-201-2021_01_01-00_00_00.tar.zst', 'truncated'),
  },
  'shutdown-303': { before: (stage) => makeGuest(stage, 303, true) },
  'shutdown-frozen-guest': { before: freezeByFailingHook },
  'snapshot-create-duplicate': { before: takeSnapshot(201) },
  'snapshot-delete-201': { before: takeSnapshot(201) },
  'snapshot-delete-206': { before: takeSnapshot(206) },
  'snapshot-rollback-running-VM.Snapshot': { before: takeSnapshot(201) },
  'start-201-after-rollback': { before: (stage) => run(stage, power(ROOT, 201, 'stop')) },
  'start-211': { before: (stage) => makeGuest(stage, 211) },
  'start-303': { before: (stage) => makeGuest(stage, 303) },
  'start-400-token': {
    request: power('rest@pve!tk', 400, 'start'),
    options: restorer(true),
    before: (stage) => makeGuest(stage, 400),
  },
  'stop-400-token': {
    request: power('rest@pve!tk', 400, 'stop'),
    options: restorer(true),
    before: (stage) => makeGuest(stage, 400, true),
  },
  'vzdump-205-bind-mount-excluded': {
    request: vzdump('dual@pve!tk', { vmid: 205, mode: 'snapshot' }),
    before: bindMount,
  },
  'vzdump-aborted-slow-hook-stop': {
    options: { stepMs: 100 },
    before: ({ hook, sim }) => {
      hook.writeShell('if [ "$1" = post-restart ]; then echo "slow post-restart begins"; /bin/sleep 12; fi');
      sim.setHookScript(hook.script);
    },
    during: abort('INFO: creating'),
  },
  'vzdump-aborted-slow-hook-suspend': {
    options: { stepMs: 100 },
    before: ({ hook, sim }) => {
      hook.writeShell('if [ "$1" = backup-abort ]; then echo "slow backup-abort begins"; /bin/sleep 12; fi');
      sim.setHookScript(hook.script);
    },
    during: abort('INFO: starting first sync'),
  },
  'vzdump-aborted-snapshot': { options: { stepMs: 100 }, during: abort('INFO: creating') },
  'vzdump-aborted-stop': { options: { stepMs: 100 }, during: abort('INFO: creating') },
  'vzdump-aborted-suspend': { options: { stepMs: 100 }, during: abort('INFO: starting first sync') },
  // A restart of pvedaemon ends its workers as an abort does; a reload leaves them alone.
  'vzdump-across-pvedaemon-restart': { options: { stepMs: 100 }, during: abort('INFO: starting first sync') },
  'vzdump-after-unlock-with-stale-vzdump-snapshot': {
    options: { stepMs: 50 },
    before: async (stage) => {
      await killBackup(stage);
      stage.sim.unlock(201);
    },
  },
  'vzdump-enospc': {
    request: vzdump(ROOT, { vmid: 203, storage: 'tiny', mode: 'snapshot' }),
    before: ({ backend }) => backend.setFull('/mnt/tiny'),
  },
  'vzdump-enospc-suspend': {
    request: vzdump(ROOT, { vmid: 203, storage: 'tiny', mode: 'suspend' }),
    before: ({ backend }) => backend.setFull('/mnt/tiny'),
  },
  'vzdump-multi-201-205-206-one-fails': {
    options: {
      acl: [
        ...LATER_ACL,
        ...['dual@pve', 'dual@pve!tk'].map((to) => ({ path: '/vms/203', role: 'BkOp', to })),
      ],
    },
    // The snapshot that an earlier failed backup could not remove.
    before: (stage) => run(stage, vzdump(ROOT, { vmid: 206, mode: 'snapshot' })),
  },
  'vzdump-no-permission-204-after-destroy': {
    options: { acl: LATER_ACL.filter(({ path }) => path !== '/vms/204') },
  },
  'vzdump-on-stale-backup-lock': { options: { stepMs: 50 }, before: killBackup },
  'vzdump-storage-disabled': {
    request: vzdump(ROOT, { vmid: 203, storage: 'tiny' }),
    before: ({ sim }) =>
      sim.setStorage({
        storage: 'tiny',
        type: 'dir',
        path: '/mnt/tiny',
        content: ['backup'],
        disabled: true,
      }),
  },
  'vzdump-storage-not-mounted': {
    request: vzdump(ROOT, { vmid: 203, storage: 'tiny' }),
    before: ({ sim }) =>
      sim.setStorage({
        storage: 'tiny',
        type: 'dir',
        path: '/mnt/tiny',
        content: ['backup'],
        notMounted: true,
      }),
  },
  'vzdump-suspend-on-frozen-guest': { before: freezeByFailingHook },
  'vzdump-worker-sigkill-snapshot': {
    options: { stepMs: 50 },
    before: ({ hook, sim }) => {
      hook.writeShell('if [ "$1" = backup-end ]; then /bin/sleep 30; fi');
      sim.setHookScript(hook.script);
    },
    during: async ({ client, sim }, started) => {
      await client.waitForLine(started, 'INFO: archive file size');
      sim.killWorker(upidOf(started));
    },
  },
};

/** Logs that the simulator cannot write, in the words of docs/reference/pve-sim.md. */
export const LOGS_NOT_COVERED: Readonly<Record<string, string>> = {
  'create-201': 'making containers from templates',
  'create-202': 'making containers from templates',
  'create-203': 'making containers from templates',
  'create-204': 'making containers from templates',
  'create-205': 'making containers from templates',
  'create-206': 'making containers from templates',
  'create-210-docker': 'making containers from templates',
  'destroy-205': "a second task that waits for the lock on a guest's configuration file",
  'start-201': 'containers that fail to start',
  'start-202': 'containers that fail to start',
  'vzdump-pool-p1': 'backups of a whole pool',
};

/** In the scenarios of these names a recording hook script was installed; some had it fail. */
export function recordingHook({ scenario }: TaskLog): Readonly<Record<string, number>> | undefined {
  if (scenario === 'frozen-repro-suspend-pre-restart-fails-206') return { 'pre-restart': 3 };
  if (scenario === 'hookfail-snapshot-201-backup-start-and-abort')
    return { 'backup-start': 3, 'backup-abort': 4 };
  const failing = /^hookfail-(?:snapshot|suspend|stop)-20\d(?:-two-volumes)?-(.+)$/.exec(scenario)?.[1];
  if (failing !== undefined) return { [failing]: 3 };
  return /^hook-(snapshot|suspend|stop|unauthorized)-/.test(scenario) ? {} : undefined;
}

export function scenarioOf({ scenario, request }: TaskLog): Scenario & { readonly request: RawRequest } {
  const own = SCENARIOS[scenario] ?? cleanup(scenario);
  const made = own?.request ?? request;
  if (made === undefined) throw new Error(`no request for ${scenario}`);
  return { before: plantNamed(made), ...own, request: made };
}

function cleanup(scenario: string): Scenario | undefined {
  const vmid = /^cleanup-(\d+)$/.exec(scenario)?.[1];
  if (vmid === undefined) return undefined;
  return { before: (stage) => makeGuest(stage, Number(vmid), vmid === '211') };
}

/** Archives that a restore names were there, but for the one of 2020. */
function plantNamed({ params }: RawRequest): (stage: Stage) => void {
  const file = /^local:backup\/(vzdump-lxc-\d+-2026_.*)$/.exec(String(params?.['ostemplate']))?.[1];
  return ({ backend }) => {
    if (file !== undefined) plantArchive(backend, file);
  };
}
