import { type Call, data, type Endpoint, parameter, type Reply } from '../api/endpoint.ts';
import { failed, forbidden, invalidParameters, taskMessage } from '../api/errors.ts';
import { BOOLEAN, type ParameterSchema, required, STRING, VMID } from '../api/schema.ts';
import { ArchiveGarbageError, ArchiveTruncatedError } from '../backend.ts';
import {
  type GuestConfig,
  mountPoints,
  parseConfigText,
  parsePropertyString,
  printPropertyString,
} from '../guests/config.ts';
import { poolPath } from '../access/pools.ts';
import { Guest } from '../guests/guest-registry.ts';
import { archiveOf, type BackupVolume, requireVolumeAccess } from '../storage/backup-volumes.ts';
import { type Worker, WorkerKilled } from '../tasks/task.ts';
import { untarCommand } from '../vzdump/commands.ts';
import { requireConfigPrivileges } from './config-privileges.ts';
import { CONFIG_PARAMETERS, configChanges, randomMac } from './config-update.ts';
import { stateOf } from './guest-status.ts';
import { creationLog, newVolume, readLine } from './volumes.ts';

const RESTORE_PARAMETERS: ParameterSchema = {
  ...CONFIG_PARAMETERS,
  bwlimit: STRING,
  force: BOOLEAN,
  'ignore-unpack-errors': BOOLEAN,
  ostemplate: required(STRING),
  password: STRING,
  pool: STRING,
  restore: BOOLEAN,
  'ssh-public-keys': STRING,
  start: BOOLEAN,
  storage: STRING,
  unique: BOOLEAN,
  vmid: required(VMID),
};

async function restore(call: Call): Promise<Reply> {
  const { world, caller, parameters } = call;
  const node = parameter(call, 'node');
  const vmid = Number(parameter(call, 'vmid'));
  if (parameters['restore'] !== '1') throw failed('the simulator makes no containers from templates');
  const force = parameters['force'] === '1';
  if (!force) await requireFree(call, vmid, force);
  const { pool } = parameters;
  if (pool !== undefined && world.access.pools.get(pool) === undefined) {
    throw forbidden(`pool '${pool}' does not exist`);
  }
  requireAllocation(call, vmid, force);
  requireConfigPrivileges(call, vmid, pool);
  requireRootForFeatures(caller, parameters['features']);
  const archive = archiveOf(world, parameter(call, 'ostemplate'));
  requireVolumeAccess(call, archive);
  for (const storage of targetStorages(call)) requireRootdir(call, storage);
  const changes = configChanges(world, parameters);
  for (const bridge of bridges(changes)) requireBridge(call, bridge);
  if (parameters['start'] === '1') world.access.requireOnGuest(caller, vmid, pool, 'VM.PowerMgmt');
  if (force) await requireFree(call, vmid, force);
  const task = world.tasks.fork(node, 'vzrestore', String(vmid), caller, async (worker) => {
    await requireFree(call, vmid, force);
    try {
      await restoreInTask(call, worker, vmid, archive, changes);
    } catch (error) {
      if (error instanceof WorkerKilled) throw error;
      throw failed(`unable to restore CT ${vmid} - ${taskMessage(error)}`);
    }
    if (parameters['start'] === '1') await world.backend.start(vmid, worker.terminated);
  });
  return data(task.text);
}

/** In place, `VM.Backup` is enough; anywhere else it takes `VM.Allocate`, or that on its pool. The 403 names neither. */
function requireAllocation(
  { world, caller, parameters: { pool } }: Call,
  vmid: number,
  force: boolean,
): void {
  if (world.access.allows(caller, `/vms/${vmid}`, 'VM.Allocate')) return;
  if (pool !== undefined && world.access.allows(caller, poolPath(pool), 'VM.Allocate')) return;
  const inPlace = force && world.guests.get(vmid) !== undefined;
  if (inPlace && world.access.allows(caller, `/vms/${vmid}`, 'VM.Backup')) return;
  throw forbidden();
}

function requireRootForFeatures(caller: string, features: string | undefined): void {
  if (features === undefined || caller === 'root@pam') return;
  const flags = [...parsePropertyString(features, '').keys()];
  if (flags.some((flag) => flag !== 'nesting')) {
    throw forbidden('changing feature flags (except nesting) is only allowed for root@pam');
  }
}

function targetStorages({ parameters }: Call): string[] {
  const given = Object.entries(parameters).filter(([key]) => key === 'rootfs' || /^mp\d+$/.test(key));
  if (given.length > 0 && parameters['rootfs'] === undefined) {
    throw failed("mount points configured, but 'rootfs' not set - aborting");
  }
  const fallback = parameters['storage'] ?? 'local';
  if (given.length === 0) return [fallback];
  return given.map(([, value]) => (value.includes(':') ? (value.split(':', 1)[0] ?? fallback) : fallback));
}

function requireRootdir({ world, caller }: Call, id: string): void {
  const storage = world.storages.get(id);
  if (!storage.content.includes('rootdir')) {
    throw invalidParameters({ storage: `storage '${id}' does not support container directories` });
  }
  world.access.require(caller, `/storage/${id}`, 'Datastore.AllocateSpace');
  world.storages.activate(id);
}

function bridges(config: GuestConfig): string[] {
  return Object.entries(config)
    .filter(([key]) => /^net\d+$/.test(key))
    .map(([, value]) => parsePropertyString(String(value), 'name').get('bridge'))
    .filter((bridge) => bridge !== undefined);
}

function requireBridge({ world, caller }: Call, bridge: string): void {
  world.access.require(caller, `/sdn/zones/localnetwork/${bridge}`, 'SDN.Use');
}

async function requireFree({ world }: Call, vmid: number, force: boolean): Promise<void> {
  const guest = world.guests.get(vmid);
  if (guest === undefined) return;
  if (!force) throw failed(`CT ${vmid} already exists on node '${guest.node}'`);
  if ((await stateOf(world, guest)).running) throw failed("can't overwrite running container");
  guest.requireUnlocked();
}

async function restoreInTask(
  call: Call,
  worker: Worker,
  vmid: number,
  archive: BackupVolume,
  changes: GuestConfig,
): Promise<void> {
  const { world } = call;
  worker.log(`recovering backed-up configuration from '${archive.volid}'`);
  const recovered = await recoverConfig(call, worker, archive);
  for (const bridge of bridges({ ...recovered, ...changes })) requireBridge(call, bridge);
  const { config, created } = layOut(call, vmid, recovered, changes);
  const old = world.guests.get(vmid);
  const guest = new Guest(vmid, parameter(call, 'node'), config);
  guest.lock = 'create';
  for (const line of created) worker.log(line);
  if (old !== undefined) await world.backend.destroy(vmid);
  world.guests.add(guest);
  try {
    worker.log(`restoring '${archive.volid}' now..`);
    worker.log(`extracting archive '${archive.path}'`);
    const startedAtMs = Date.now();
    const { totalBytes } = await world.backend.restore({
      vmid,
      archive: archive.path,
      config,
      signal: AbortSignal.any([worker.terminated, worker.killed]),
    });
    worker.log(readLine(totalBytes, Date.now() - startedAtMs));
  } catch (error) {
    worker.aliveOrThrow();
    world.guests.remove(vmid);
    if (!(error instanceof ArchiveTruncatedError)) throw error;
    worker.log('/*stdin*\\ : Read error (39) : premature end ');
    worker.log('tar: Unexpected EOF in archive');
    worker.log('tar: Unexpected EOF in archive');
    worker.log('tar: Error is not recoverable: exiting now');
    throw failed(`command '${untarCommand(vmid)}' failed: exit code 2`);
  }
  worker.log('merging backed-up and given configuration..');
  guest.lock = undefined;
  const { pool } = call.parameters;
  if (pool !== undefined) world.access.pools.get(pool)?.vmids.add(vmid);
}

async function recoverConfig(call: Call, worker: Worker, archive: BackupVolume): Promise<GuestConfig> {
  try {
    const text = await call.world.backend.archives.config(archive.path);
    if (text === undefined) throw failed(`volume '${archive.volid}' does not exist`);
    return parseConfigText(text);
  } catch (error) {
    if (!(error instanceof ArchiveGarbageError)) throw error;
    worker.log('zstd: /*stdin*\\: unsupported format ');
    worker.log('tar: Child returned status 1');
    worker.log('tar: Error is not recoverable: exiting now');
    throw failed('ERROR: archive contains no configuration file');
  }
}

/** New volumes for all mount points, the given configuration over the recovered one, new MACs with `unique`. */
function layOut(
  { world, caller, parameters }: Call,
  vmid: number,
  recovered: GuestConfig,
  changes: GuestConfig,
): { readonly config: GuestConfig; readonly created: readonly string[] } {
  const overridden = changes['rootfs'] !== undefined;
  const points = mountPoints(overridden ? changes : recovered);
  const volumes: Record<string, string> = {};
  const created: string[] = [];
  let index = 0;
  for (const point of points) {
    const properties = parsePropertyString(String((overridden ? changes : recovered)[point.key]), 'volume');
    if (point.kind !== 'volume') {
      if (caller !== 'root@pam') {
        throw failed(`restoring '${point.key}' to ${point.kind} mount is only possible for root`);
      }
      volumes[point.key] = printPropertyString(properties, 'volume');
      continue;
    }
    const storage = world.storages.get(
      overridden ? (point.storage ?? 'local') : (parameters['storage'] ?? 'local'),
    );
    const size = overridden ? `${point.volume.split(':')[1] ?? '4'}G` : (point.size ?? '4G');
    properties.set('volume', newVolume(storage, vmid, index, size));
    // The size stands last, wherever it stood.
    properties.delete('size');
    properties.set('size', size);
    volumes[point.key] = printPropertyString(properties, 'volume');
    created.push(...creationLog(storage, vmid, index, size));
    index += 1;
  }
  const kept = Object.entries(recovered).filter(([key]) => key !== 'rootfs' && !/^mp\d+$/.test(key));
  const config: Record<string, string | number> = { ...Object.fromEntries(kept), ...changes, ...volumes };
  if (parameters['unique'] === '1') renewMacs(config, changes);
  return { config, created };
}

function renewMacs(config: Record<string, string | number>, given: GuestConfig): void {
  for (const key of Object.keys(config)) {
    if (!/^net\d+$/.test(key) || key in given) continue;
    config[key] = String(config[key]).replace(/hwaddr=[0-9A-F:]+/i, `hwaddr=${randomMac()}`);
  }
}

export const restoreEndpoints: readonly Endpoint[] = [
  {
    method: 'POST',
    path: '/nodes/{node}/lxc',
    parameters: RESTORE_PARAMETERS,
    protected: true,
    handle: restore,
  },
];
