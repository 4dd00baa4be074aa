import { type Call, data, type Endpoint, parameter, type Reply } from '../api/endpoint.ts';
import { splitList, STRING } from '../api/schema.ts';
import { archiveOf, requireVolumeAccess } from '../storage/backup-volumes.ts';
import { failed } from '../api/errors.ts';
import { runBackupJob } from './backup-job.ts';
import { checkVzdumpParameters, EXTRACT_CONFIG_PARAMETERS, VZDUMP_PARAMETERS } from './parameters.ts';

/**
 * Only parameters, the storage and a few options are checked before the task is forked: that a guest may
 * not be backed up shows inside the task.
 */
async function startBackup(call: Call): Promise<Reply> {
  const { world, caller } = call;
  const node = parameter(call, 'node');
  checkVzdumpParameters(call, node);
  const { parameters } = call;
  const here = includedGuests(call, node);
  if (parameters['stop'] === '1') {
    await Promise.all(
      world.tasks
        .all()
        .filter((task) => task.running && task.upid.type === 'vzdump' && task.upid.node === node)
        .map((task) => task.stop()),
    );
    if (here.length === 0) return data('OK');
  }
  if (here.length === 0 && parameters['all'] !== '1') return data('OK');
  const storage = parameters['storage'];
  if (storage !== undefined) world.access.require(caller, `/storage/${storage}`, 'Datastore.AllocateSpace');
  const id = here.length === 1 ? String(here[0]) : '';
  const task = world.tasks.fork(node, 'vzdump', id, caller, (worker) =>
    runBackupJob({ world, node, caller, parameters, vmids: here }, worker),
  );
  return data(task.text);
}

/** The named guests that are on this node or nowhere; those that are elsewhere are silently left out. */
function includedGuests({ world, parameters }: Call, node: string): number[] {
  if (parameters['all'] === '1') {
    const excluded = new Set(splitList(parameters['exclude'] ?? '').map(Number));
    return world.guests
      .all()
      .filter((guest) => guest.node === node && !excluded.has(guest.vmid))
      .map((guest) => guest.vmid);
  }
  return splitList(parameters['vmid'] ?? '')
    .map(Number)
    .filter((vmid) => [undefined, node].includes(world.guests.get(vmid)?.node));
}

function defaults(call: Call): Reply {
  const { world, caller, parameters } = call;
  const storage = parameters['storage'] ?? 'local';
  world.access.require(caller, `/storage/${storage}`, 'Datastore.Audit', 'Datastore.AllocateSpace');
  const auditor = world.access.allows(caller, `/nodes/${parameter(call, 'node')}`, 'Sys.Audit');
  const dumpdir = world.storages.dumpDir(storage);
  const { hookScript, lockwaitMinutes } = world.vzdumpDefaults;
  return data({
    all: 0,
    bwlimit: 0,
    compress: '0',
    fleecing: { enabled: 0 },
    lockwait: lockwaitMinutes,
    mailnotification: 'always',
    mode: 'snapshot',
    'notification-mode': 'auto',
    performance: { 'max-workers': 16, 'pbs-entries-max': 1_048_576 },
    pigz: 0,
    'prune-backups': 'keep-all=1',
    quiet: 0,
    remove: 1,
    stdexcludes: 1,
    stop: 0,
    stopwait: 10,
    storage,
    zstd: 1,
    ...(auditor ? { dumpdir, ionice: 7, ...(hookScript === undefined ? {} : { script: hookScript }) } : {}),
  });
}

async function extractConfig(call: Call): Promise<Reply> {
  const { world } = call;
  const volume = parameter(call, 'volume');
  const archive = archiveOf(world, volume);
  requireVolumeAccess(call, archive);
  const text = await world.backend.archives.config(archive.path);
  if (text === undefined) throw failed(`volume '${volume}' does not exist`);
  return data(text);
}

export const vzdumpEndpoints: readonly Endpoint[] = [
  {
    method: 'POST',
    path: '/nodes/{node}/vzdump',
    parameters: VZDUMP_PARAMETERS,
    protected: true,
    handle: startBackup,
  },
  {
    method: 'GET',
    path: '/nodes/{node}/vzdump/defaults',
    parameters: { storage: STRING },
    handle: defaults,
  },
  {
    method: 'GET',
    path: '/nodes/{node}/vzdump/extractconfig',
    parameters: EXTRACT_CONFIG_PARAMETERS,
    protected: true,
    handle: extractConfig,
  },
];
