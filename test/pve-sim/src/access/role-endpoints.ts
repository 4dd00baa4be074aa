import { type Call, data, type Endpoint, parameter, type Reply } from '../api/endpoint.ts';
import { failed, invalidParameters } from '../api/errors.ts';
import { BOOLEAN, CONFIG_ID, required, splitList, STRING } from '../api/schema.ts';
import { BUILT_IN_ROLES, isPrivilege, type Privilege } from './privileges.ts';

function listRoles({ world }: Call): Reply {
  return data(
    [...world.access.roles].map(([roleid, privileges]) => ({
      roleid,
      privs: privileges.toSorted().join(','),
      special: BUILT_IN_ROLES.has(roleid) ? 1 : 0,
    })),
  );
}

function privilegesOf(text: string): Privilege[] {
  const names = splitList(text);
  const unknown = names.find((name) => !isPrivilege(name));
  if (unknown !== undefined)
    throw invalidParameters({ privs: `invalid format - invalid privilege '${unknown}'\n` });
  return names.filter(isPrivilege);
}

function createRole(call: Call): Reply {
  const roleid = parameter(call, 'roleid');
  const { roles } = call.world.access;
  if (roles.has(roleid)) throw failed(`create role failed: role '${roleid}' already exists`);
  roles.set(roleid, privilegesOf(call.parameters['privs'] ?? ''));
  return data(null);
}

function updateRole(call: Call): Reply {
  const roleid = parameter(call, 'roleid');
  const { roles } = call.world.access;
  const before = roles.get(roleid);
  if (before === undefined) throw failed(`role '${roleid}' does not exist`);
  if (BUILT_IN_ROLES.has(roleid)) throw failed(`auto-generated role '${roleid}' cannot be modified`);
  const given = privilegesOf(call.parameters['privs'] ?? '');
  const kept = call.parameters['append'] === '1' ? before : [];
  roles.set(roleid, [...new Set([...kept, ...given])]);
  return data(null);
}

function readRole(call: Call): Reply {
  const roleid = parameter(call, 'roleid');
  const privileges = call.world.access.roles.get(roleid);
  if (privileges === undefined) throw failed(`role '${roleid}' does not exist`);
  return data(Object.fromEntries(privileges.map((privilege) => [privilege, 1])));
}

function deleteRole(call: Call): Reply {
  const roleid = parameter(call, 'roleid');
  const { access } = call.world;
  if (!access.roles.has(roleid)) throw failed(`role '${roleid}' does not exist`);
  if (BUILT_IN_ROLES.has(roleid)) throw failed(`auto-generated role '${roleid}' cannot be deleted`);
  access.roles.delete(roleid);
  access.forget((entry) => entry.roleid === roleid);
  return data(null);
}

const requireRoleManager = ({ world, caller }: Call): void =>
  world.access.require(caller, '/access', 'Sys.Modify');

export const roleEndpoints: readonly Endpoint[] = [
  { method: 'GET', path: '/access/roles', handle: listRoles },
  {
    method: 'POST',
    path: '/access/roles',
    parameters: { roleid: required(CONFIG_ID), privs: STRING },
    permission: requireRoleManager,
    protected: true,
    handle: createRole,
  },
  { method: 'GET', path: '/access/roles/{roleid}', handle: readRole },
  {
    method: 'PUT',
    path: '/access/roles/{roleid}',
    parameters: { privs: STRING, append: BOOLEAN },
    permission: requireRoleManager,
    protected: true,
    handle: updateRole,
  },
  {
    method: 'DELETE',
    path: '/access/roles/{roleid}',
    permission: requireRoleManager,
    protected: true,
    handle: deleteRole,
  },
];
