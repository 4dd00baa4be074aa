import { type Call, data, type Endpoint, parameter, type Reply } from '../api/endpoint.ts';
import { failed } from '../api/errors.ts';
import { BOOLEAN, CONFIG_ID, INTEGER, required, STRING } from '../api/schema.ts';
import type { Privilege } from '../access/privileges.ts';
import type { Guest } from '../guests/guest-registry.ts';
import type { Worker } from '../tasks/task.ts';
import { requireConfigPrivileges } from './config-privileges.ts';
import { updateConfig, UPDATE_PARAMETERS } from './config-update.ts';
import { guestOf } from './read-endpoints.ts';
import { stateOf } from './guest-status.ts';
import { createSnapshot, deleteSnapshot, rollback } from './snapshots.ts';

const guestPermission =
  (...anyOf: Privilege[]) =>
  ({ world, caller, parameters }: Call): void =>
    world.access.require(caller, `/vms/${parameters['vmid']}`, ...anyOf);

const power = guestPermission('VM.PowerMgmt');

function fork(call: Call, type: string, work: (worker: Worker) => Promise<void>): Reply {
  const { world, caller } = call;
  return data(world.tasks.fork(parameter(call, 'node'), type, parameter(call, 'vmid'), caller, work).text);
}

/** Throws for a guest that is in the wrong state before a task is forked. */
async function requireRunning(call: Call, wanted: boolean): Promise<Guest> {
  const guest = guestOf(call);
  const { running } = await stateOf(call.world, guest);
  if (running !== wanted) {
    throw failed(`CT ${guest.vmid} ${running ? 'already running' : 'not running'}`);
  }
  return guest;
}

async function start(call: Call): Promise<Reply> {
  const guest = await requireRunning(call, false);
  return fork(call, 'vzstart', async (worker) => {
    guest.requireUnlocked();
    await call.world.backend.start(guest.vmid, worker.terminated);
  });
}

async function stop(call: Call): Promise<Reply> {
  const guest = await requireRunning(call, true);
  return fork(call, 'vzstop', async () => {
    guest.requireUnlocked();
    await call.world.backend.stop(guest.vmid);
  });
}

async function shutdown(call: Call): Promise<Reply> {
  const guest = await requireRunning(call, true);
  return fork(call, 'vzshutdown', (worker) => shutdownGuest(call, guest, worker));
}

async function shutdownGuest(call: Call, guest: Guest, worker: Worker): Promise<void> {
  const { world, parameters } = call;
  guest.requireUnlocked();
  const seconds = Number(parameters['timeout'] ?? 60);
  if (await world.backend.shutdown(guest.vmid, seconds * 1000, worker.terminated)) return;
  if (parameters['forceStop'] === '1') {
    await world.backend.stop(guest.vmid);
    return;
  }
  worker.log(`command 'lxc-stop -n ${guest.vmid} --nokill --timeout ${seconds}' failed: exit code 1`);
  throw failed('container did not stop');
}

async function reboot(call: Call): Promise<Reply> {
  const guest = await requireRunning(call, true);
  return fork(call, 'vzreboot', async (worker) => {
    await shutdownGuest(call, guest, worker);
    await call.world.backend.start(guest.vmid, worker.terminated);
  });
}

/** Frozen guests count as running, so the API's own `resume` does not help them. */
async function resume(call: Call): Promise<Reply> {
  await requireRunning(call, false);
  throw failed('not supported');
}

function takeSnapshot(call: Call): Reply {
  const name = parameter(call, 'snapname');
  if (name === 'current' || name === 'vzdump') {
    throw failed(`unable to use snapshot name '${name}' (reserved name)`);
  }
  return fork(call, 'vzsnapshot', () =>
    createSnapshot(call.world, guestOf(call), name, call.parameters['description'] ?? ''),
  );
}

function removeSnapshot(call: Call): Reply {
  return fork(call, 'vzdelsnapshot', () =>
    deleteSnapshot(call.world, guestOf(call), parameter(call, 'snapname')),
  );
}

function rollBack(call: Call): Reply {
  return fork(call, 'vzrollback', () => rollback(call.world, guestOf(call), parameter(call, 'snapname')));
}

async function destroy(call: Call): Promise<Reply> {
  const { world, parameters } = call;
  const guest = guestOf(call);
  const force = parameters['force'] === '1';
  const notStopped = `unable to destroy CT ${guest.vmid} - container is running`;
  if (guest.config['protection'] === 1)
    throw failed(`can't remove CT ${guest.vmid} - protection mode enabled`);
  if (!force && (await stateOf(world, guest)).running) throw failed(notStopped);
  return fork(call, 'vzdestroy', async (worker) => {
    guestOf(call).requireUnlocked();
    if ((await stateOf(world, guest)).running) {
      if (!force) throw failed(notStopped);
      worker.log(`forced to stop CT ${guest.vmid} before destroying!`);
      await world.backend.stop(guest.vmid);
    }
    await world.backend.destroy(guest.vmid);
    world.guests.remove(guest.vmid);
    world.access.forget((entry) => entry.path === `/vms/${guest.vmid}`);
    world.access.pools.forget(guest.vmid);
    if (parameters['purge'] === '1') worker.log(`purging CT ${guest.vmid} from related configurations..`);
  });
}

export const lxcWriteEndpoints: readonly Endpoint[] = [
  {
    method: 'PUT',
    path: '/nodes/{node}/lxc/{vmid}/config',
    parameters: UPDATE_PARAMETERS,
    permission: guestPermission(
      'VM.Config.Disk',
      'VM.Config.CPU',
      'VM.Config.Memory',
      'VM.Config.Network',
      'VM.Config.Options',
    ),
    protected: true,
    handle: (call) => {
      const guest = guestOf(call);
      requireConfigPrivileges(call, guest.vmid, undefined);
      return updateConfig(call, guest);
    },
  },
  {
    method: 'POST',
    path: '/nodes/{node}/lxc/{vmid}/status/start',
    parameters: { skiplock: BOOLEAN, debug: BOOLEAN },
    permission: power,
    protected: true,
    handle: start,
  },
  {
    method: 'POST',
    path: '/nodes/{node}/lxc/{vmid}/status/stop',
    parameters: { skiplock: BOOLEAN, 'overrule-shutdown': BOOLEAN },
    permission: power,
    protected: true,
    handle: stop,
  },
  {
    method: 'POST',
    path: '/nodes/{node}/lxc/{vmid}/status/shutdown',
    parameters: { timeout: INTEGER, forceStop: BOOLEAN },
    permission: power,
    protected: true,
    handle: shutdown,
  },
  {
    method: 'POST',
    path: '/nodes/{node}/lxc/{vmid}/status/reboot',
    parameters: { timeout: INTEGER },
    permission: power,
    protected: true,
    handle: reboot,
  },
  {
    method: 'POST',
    path: '/nodes/{node}/lxc/{vmid}/status/resume',
    permission: power,
    protected: true,
    handle: resume,
  },
  {
    method: 'POST',
    path: '/nodes/{node}/lxc/{vmid}/snapshot',
    parameters: { snapname: required(CONFIG_ID), description: STRING },
    permission: guestPermission('VM.Snapshot'),
    protected: true,
    handle: takeSnapshot,
  },
  {
    method: 'DELETE',
    path: '/nodes/{node}/lxc/{vmid}/snapshot/{snapname}',
    parameters: { force: BOOLEAN },
    permission: guestPermission('VM.Snapshot'),
    protected: true,
    handle: removeSnapshot,
  },
  {
    method: 'POST',
    path: '/nodes/{node}/lxc/{vmid}/snapshot/{snapname}/rollback',
    parameters: { start: BOOLEAN },
    permission: guestPermission('VM.Snapshot', 'VM.Snapshot.Rollback'),
    protected: true,
    handle: rollBack,
  },
  {
    method: 'DELETE',
    path: '/nodes/{node}/lxc/{vmid}',
    parameters: { force: BOOLEAN, purge: BOOLEAN, 'destroy-unreferenced-disks': BOOLEAN },
    permission: guestPermission('VM.Allocate'),
    protected: true,
    handle: destroy,
  },
];
