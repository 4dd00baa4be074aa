import { type Call, data, type Endpoint, parameter, type Reply } from '../api/endpoint.ts';
import { failed } from '../api/errors.ts';
import { BOOLEAN, STRING } from '../api/schema.ts';
import type { Guest } from '../guests/guest-registry.ts';
import { guestStatus, stateOf } from './guest-status.ts';

export function guestOf(call: Call): Guest {
  return call.world.guests.on(parameter(call, 'node'), Number(parameter(call, 'vmid')));
}

export function requireAudit({ world, caller, parameters }: Call): void {
  world.access.require(caller, `/vms/${parameters['vmid']}`, 'VM.Audit');
}

async function list(call: Call): Promise<Reply> {
  const { world, caller } = call;
  const node = parameter(call, 'node');
  const visible = world.guests
    .all()
    .filter((guest) => guest.node === node && world.access.allows(caller, `/vms/${guest.vmid}`, 'VM.Audit'));
  return data(await Promise.all(visible.map((guest) => guestStatus(world, guest))));
}

async function current(call: Call): Promise<Reply> {
  return data({ ...(await guestStatus(call.world, guestOf(call))), ha: { managed: 0 } });
}

function config(call: Call): Reply {
  const guest = guestOf(call);
  return data({
    ...guest.config,
    digest: guest.digest,
    ...(guest.lock === undefined ? {} : { lock: guest.lock }),
    ...(guest.parent === undefined ? {} : { parent: guest.parent }),
  });
}

async function snapshots(call: Call): Promise<Reply> {
  const guest = guestOf(call);
  const { running } = await stateOf(call.world, guest);
  const taken = [...guest.snapshots.values()].map(({ name, description, snaptime, parent }) => ({
    name,
    description,
    snaptime,
    ...(parent === undefined ? {} : { parent }),
  }));
  const now = {
    name: 'current',
    description: 'You are here!',
    digest: guest.digest,
    running: running ? 1 : 0,
    ...(guest.parent === undefined ? {} : { parent: guest.parent }),
  };
  return data([...taken, now]);
}

function snapshotConfig(call: Call): Reply {
  const name = parameter(call, 'snapname');
  const snapshot = guestOf(call).snapshots.get(name);
  if (snapshot === undefined) throw failed(`snapshot '${name}' does not exist`);
  const { description, snaptime, parent } = snapshot;
  return data({
    ...snapshot.config,
    description,
    snaptime,
    ...(parent === undefined ? {} : { parent }),
  });
}

function feature(call: Call): Reply {
  const guest = guestOf(call);
  const able = parameter(call, 'feature') === 'snapshot' && guest.canSnapshot(call.world.storages);
  return data({ hasFeature: able ? 1 : 0 });
}

export const lxcReadEndpoints: readonly Endpoint[] = [
  { method: 'GET', path: '/nodes/{node}/lxc', handle: list },
  {
    method: 'GET',
    path: '/nodes/{node}/lxc/{vmid}/status/current',
    permission: requireAudit,
    protected: true,
    handle: current,
  },
  {
    method: 'GET',
    path: '/nodes/{node}/lxc/{vmid}/status',
    handle: () =>
      data(['current', 'start', 'stop', 'shutdown', 'reboot', 'migrate'].map((subdir) => ({ subdir }))),
  },
  {
    method: 'GET',
    path: '/nodes/{node}/lxc/{vmid}/config',
    parameters: { current: BOOLEAN, snapshot: STRING },
    permission: requireAudit,
    handle: config,
  },
  {
    method: 'GET',
    path: '/nodes/{node}/lxc/{vmid}/snapshot',
    permission: requireAudit,
    protected: true,
    handle: snapshots,
  },
  {
    method: 'GET',
    path: '/nodes/{node}/lxc/{vmid}/snapshot/{snapname}/config',
    permission: ({ world, caller, parameters }) =>
      world.access.require(
        caller,
        `/vms/${parameters['vmid']}`,
        'VM.Snapshot',
        'VM.Snapshot.Rollback',
        'VM.Audit',
      ),
    handle: snapshotConfig,
  },
  {
    method: 'GET',
    path: '/nodes/{node}/lxc/{vmid}/feature',
    parameters: {
      feature: { type: 'string', enum: ['snapshot', 'clone', 'copy'], required: true },
      snapname: STRING,
    },
    permission: requireAudit,
    protected: true,
    handle: feature,
  },
];
