import { basename } from 'node:path';
import { type Call, data, type Endpoint, parameter, type Reply } from '../api/endpoint.ts';
import { failed } from '../api/errors.ts';
import { BOOLEAN, INTEGER, STRING, VMID } from '../api/schema.ts';
import type { StorageOptions } from '../options.ts';
import { archiveOf, backupVolume, requireVolumeAccess } from './backup-volumes.ts';

const TOTAL_BYTES = 270_553_174_016;

/** Read access to a storage: either privilege does. */
function requireStorage({ world, caller, parameters }: Call): void {
  const path = `/storage/${parameters['storage']}`;
  world.access.require(caller, path, 'Datastore.Audit', 'Datastore.AllocateSpace');
}

async function usage({ world }: Call, storage: StorageOptions): Promise<Record<string, unknown>> {
  const total = storage.totalBytes ?? TOTAL_BYTES;
  const files = await world.backend.archives.list(`${storage.path}/dump`);
  const used = files.reduce((sum, file) => sum + file.fileBytes, 6_062_080);
  const active = storage.disabled !== true && storage.notMounted !== true;
  return {
    type: storage.type,
    content: storage.content.join(','),
    active: active ? 1 : 0,
    enabled: storage.disabled === true ? 0 : 1,
    shared: storage.shared === true ? 1 : 0,
    total: active ? total : 0,
    used: active ? used : 0,
    avail: active ? total - used : 0,
  };
}

async function listStorages(call: Call): Promise<Reply> {
  const { world, caller, parameters } = call;
  const content = parameters['content'];
  const visible = world.storages
    .all()
    .filter(
      (storage) =>
        world.access.allows(
          caller,
          `/storage/${storage.storage}`,
          'Datastore.Audit',
          'Datastore.AllocateSpace',
        ) &&
        (content === undefined || storage.content.includes(content)) &&
        (parameters['storage'] === undefined || storage.storage === parameters['storage']) &&
        (parameters['enabled'] !== '1' || storage.disabled !== true),
    );
  return data(
    await Promise.all(
      visible.map(async (storage) => {
        const used = await usage(call, storage);
        const total = Number(used['total']);
        return {
          storage: storage.storage,
          ...used,
          ...(total > 0 ? { used_fraction: Number(used['used']) / total } : {}),
        };
      }),
    ),
  );
}

async function listContent(call: Call): Promise<Reply> {
  const { world, caller, parameters } = call;
  const storage = world.storages.activate(parameter(call, 'storage'));
  if (!['backup', undefined].includes(parameters['content']) || !storage.content.includes('backup')) {
    return data([]);
  }
  const entries: Record<string, unknown>[] = [];
  for (const file of await world.backend.archives.list(`${storage.path}/dump`)) {
    const volume = backupVolume(world, storage.storage, basename(file.path));
    if (volume === undefined) continue;
    if (parameters['vmid'] !== undefined && volume.vmid !== Number(parameters['vmid'])) continue;
    const allowed =
      world.access.allows(caller, `/storage/${storage.storage}`, 'Datastore.Allocate') ||
      (world.access.allows(caller, `/storage/${storage.storage}`, 'Datastore.AllocateSpace') &&
        world.access.allows(caller, `/vms/${volume.vmid}`, 'VM.Backup'));
    if (!allowed) continue;
    entries.push({
      volid: volume.volid,
      vmid: volume.vmid,
      ctime: volume.ctime,
      content: 'backup',
      subtype: 'lxc',
      format: volume.format,
      size: file.fileBytes,
      // The list carries the first line only; the volume's own page has them all.
      ...(file.notes === undefined ? {} : { notes: file.notes.split('\n', 1)[0] }),
      ...(file.protected ? { protected: 1 } : {}),
    });
  }
  return data(entries);
}

/** A volume's name may come without its storage, which the path has already. */
function volumeOf(call: Call): ReturnType<typeof archiveOf> {
  const name = parameter(call, 'volume');
  return archiveOf(call.world, name.includes(':') ? name : `${parameter(call, 'storage')}:${name}`);
}

async function fileOf(call: Call): Promise<{
  volume: ReturnType<typeof archiveOf>;
  file: { fileBytes: number; notes?: string; protected: boolean };
}> {
  const volume = volumeOf(call);
  requireVolumeAccess(call, volume);
  const { path } = call.world.storages.get(volume.storage);
  const files = await call.world.backend.archives.list(`${path}/dump`);
  const file = files.find((candidate) => candidate.path === volume.path);
  if (file === undefined) throw failed(`volume '${volume.volid}' does not exist`);
  return { volume, file };
}

async function showVolume(call: Call): Promise<Reply> {
  const { volume, file } = await fileOf(call);
  return data({
    path: volume.path,
    size: file.fileBytes,
    used: Math.ceil(file.fileBytes / 512) * 512,
    format: 'raw',
    notes: file.notes ?? '',
    protected: file.protected ? 1 : 0,
  });
}

async function updateVolume(call: Call): Promise<Reply> {
  const { volume } = await fileOf(call);
  const { archives } = call.world.backend;
  const { notes, protected: isProtected } = call.parameters;
  if (notes !== undefined) await archives.setNotes(volume.path, notes);
  if (isProtected !== undefined) await archives.setProtected(volume.path, isProtected === '1');
  return data(null);
}

/** Only what the caller may do is checked at once: whether there is a backup to remove, its task finds out. */
function removeVolume(call: Call): Reply {
  const { world, caller } = call;
  const volume = volumeOf(call);
  requireVolumeAccess(call, volume);
  const id = `${volume.vmid}@${volume.storage}`;
  const task = world.tasks.fork(parameter(call, 'node'), 'imgdel', id, caller, async (worker) => {
    const { path } = world.storages.activate(volume.storage);
    const files = await world.backend.archives.list(`${path}/dump`);
    const file = files.find((candidate) => candidate.path === volume.path);
    if (file?.protected === true) {
      throw failed(`cannot remove protected volume 'backup/${volume.file}' on '${volume.storage}'`);
    }
    if (!(await world.backend.archives.remove(volume.path))) {
      worker.log(`disk image '${volume.path}' does not exist`);
    }
    worker.log(`Removed volume '${volume.volid}'`);
  });
  return data(task.text);
}

function listConfigured({ world, caller }: Call): Reply {
  const visible = world.storages
    .all()
    .filter(({ storage }) =>
      world.access.allows(caller, `/storage/${storage}`, 'Datastore.Audit', 'Datastore.AllocateSpace'),
    );
  return data(
    visible.map(({ storage, type, content, path }) => ({ storage, type, content: content.join(','), path })),
  );
}

export const storageEndpoints: readonly Endpoint[] = [
  { method: 'GET', path: '/storage', handle: listConfigured },
  {
    method: 'GET',
    path: '/nodes/{node}/storage',
    parameters: { content: STRING, storage: STRING, enabled: BOOLEAN, format: BOOLEAN, target: STRING },
    protected: true,
    handle: listStorages,
  },
  {
    method: 'GET',
    path: '/nodes/{node}/storage/{storage}/status',
    permission: requireStorage,
    protected: true,
    handle: async (call) => data(await usage(call, call.world.storages.get(parameter(call, 'storage')))),
  },
  {
    method: 'GET',
    path: '/nodes/{node}/storage/{storage}/content',
    parameters: { content: STRING, vmid: VMID },
    permission: requireStorage,
    protected: true,
    handle: listContent,
  },
  {
    method: 'GET',
    path: '/nodes/{node}/storage/{storage}/content/{volume}',
    protected: true,
    handle: showVolume,
  },
  {
    method: 'PUT',
    path: '/nodes/{node}/storage/{storage}/content/{volume}',
    parameters: { notes: STRING, protected: BOOLEAN },
    protected: true,
    handle: updateVolume,
  },
  {
    method: 'DELETE',
    path: '/nodes/{node}/storage/{storage}/content/{volume}',
    parameters: { delay: INTEGER },
    protected: true,
    handle: removeVolume,
  },
];
