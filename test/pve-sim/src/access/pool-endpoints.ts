import { type Call, data, type Endpoint, parameter, type Reply } from '../api/endpoint.ts';
import { failed } from '../api/errors.ts';
import { BOOLEAN, type ParameterSpec, required, splitList, STRING, VMID_LIST } from '../api/schema.ts';
import { type Pool, poolPath } from './pools.ts';

const POOL_ID: ParameterSpec = { type: 'string', pattern: /^[\w.-]+(?:\/[\w.-]+){0,2}$/ };

const allocator = ({ world, caller, parameters }: Call): void =>
  world.access.require(caller, poolPath(parameters['poolid'] ?? ''), 'Pool.Allocate');

function listPools({ world, caller }: Call): Reply {
  const visible = world.access.pools
    .names()
    .filter((pool) => world.access.allows(caller, poolPath(pool), 'Pool.Audit'));
  return data(
    visible.map((poolid) => {
      const comment = world.access.pools.get(poolid)?.comment;
      return { poolid, ...(comment === undefined ? {} : { comment }) };
    }),
  );
}

function createPool(call: Call): Reply {
  const pool = parameter(call, 'poolid');
  const { pools } = call.world.access;
  if (pools.get(pool) !== undefined) throw failed(`create pool failed: pool '${pool}' already exists`);
  pools.create(pool, call.parameters['comment']);
  return data(null);
}

function updatePool(call: Call): Reply {
  const { world, caller, parameters } = call;
  const { vmids } = existing(call);
  for (const vmid of splitList(parameters['vms'] ?? '').map(Number)) {
    world.access.require(caller, `/vms/${vmid}`, 'Permissions.Modify', 'VM.Allocate');
    if (parameters['delete'] === '1') {
      if (!vmids.delete(vmid)) throw failed(`update pools failed: VM ${vmid} is not a pool member`);
      continue;
    }
    const other = world.access.pools.of(vmid);
    if (other !== undefined) {
      throw failed(`update pools failed: VM ${vmid} belongs already to pool '${other}'`);
    }
    vmids.add(vmid);
  }
  return data(null);
}

function deletePool(call: Call): Reply {
  const pool = parameter(call, 'poolid');
  const [vmid] = existing(call).vmids;
  if (vmid !== undefined) {
    throw failed(`delete pool failed: pool '${pool}' is not empty (contains VM ${vmid})`);
  }
  call.world.access.pools.delete(pool);
  call.world.access.forget(({ path }) => path === poolPath(pool));
  return data(null);
}

function existing(call: Call): Pool {
  const pool = parameter(call, 'poolid');
  const found = call.world.access.pools.get(pool);
  if (found === undefined) throw failed(`pool '${pool}' does not exist`);
  return found;
}

/** By the source of Proxmox VE, but for taking guests out of a pool and deleting it, which are in the recordings. */
export const poolEndpoints: readonly Endpoint[] = [
  { method: 'GET', path: '/pools', handle: listPools },
  {
    method: 'POST',
    path: '/pools',
    parameters: { poolid: required(POOL_ID), comment: STRING },
    permission: allocator,
    protected: true,
    handle: createPool,
  },
  {
    method: 'PUT',
    path: '/pools',
    parameters: { poolid: required(POOL_ID), vms: VMID_LIST, delete: BOOLEAN },
    permission: allocator,
    protected: true,
    handle: updatePool,
  },
  {
    method: 'DELETE',
    path: '/pools',
    parameters: { poolid: required(POOL_ID) },
    permission: allocator,
    protected: true,
    handle: deletePool,
  },
];
