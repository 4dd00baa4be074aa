import { type Call, data, type Endpoint, parameter, type Reply } from '../api/endpoint.ts';
import { failed, invalidParameters } from '../api/errors.ts';
import { BOOLEAN, required, splitList, STRING } from '../api/schema.ts';
import { splitCaller } from './accounts.ts';

function permissions({ world, caller, parameters }: Call): Reply {
  const of = parameters['userid'] ?? caller;
  if (of !== caller && splitCaller(of)[0] !== caller) world.access.require(caller, '/access', 'Sys.Audit');
  const { path } = parameters;
  if (path === undefined) return data(world.access.permissions(of));
  return data({ [path]: Object.fromEntries(world.access.granted(of, path)) });
}

function readAcl({ world, caller }: Call): Reply {
  const visible = world.access.entries.filter(
    ({ path }) =>
      world.access.allows(caller, '/access', 'Sys.Audit') ||
      world.access.allows(caller, path, 'Permissions.Modify'),
  );
  return data(
    visible.map(({ path, roleid, ugid, propagate }) => ({
      path,
      roleid,
      ugid,
      type: ugid.includes('!') ? 'token' : 'user',
      propagate: propagate ? 1 : 0,
    })),
  );
}

function updateAcl(call: Call): Reply {
  const { world, parameters } = call;
  const path = parameter(call, 'path');
  const users = splitList(parameters['users'] ?? '');
  const tokens = splitList(parameters['tokens'] ?? '');
  if (users.length + tokens.length === 0) {
    throw invalidParameters({ groups: "one of 'users', 'groups' or 'tokens' is required" });
  }
  const remove = parameters['delete'] === '1';
  for (const roleid of splitList(parameter(call, 'roles'))) {
    if (!remove && !world.access.roles.has(roleid)) throw failed(`role '${roleid}' does not exist`);
    for (const ugid of [...users, ...tokens]) {
      if (!remove) requireExisting(call, ugid);
      const entry = { path, roleid, ugid, propagate: parameters['propagate'] !== '0' };
      if (remove) world.access.revoke(entry);
      else world.access.grant(entry);
    }
  }
  return data(null);
}

function requireExisting({ world }: Call, ugid: string): void {
  const [userid, tokenid] = splitCaller(ugid);
  const user = world.accounts.users.get(userid);
  if (user === undefined) throw failed(`user '${userid}' does not exist`);
  if (tokenid !== undefined && !user.tokens.has(tokenid))
    throw failed(`no such token '${tokenid}' for user '${userid}'`);
}

export const aclEndpoints: readonly Endpoint[] = [
  {
    method: 'GET',
    path: '/access/permissions',
    parameters: { path: STRING, userid: STRING },
    handle: permissions,
  },
  { method: 'GET', path: '/access/acl', handle: readAcl },
  {
    method: 'PUT',
    path: '/access/acl',
    parameters: {
      path: required(STRING),
      roles: required(STRING),
      users: STRING,
      tokens: STRING,
      propagate: BOOLEAN,
      delete: BOOLEAN,
    },
    permission: ({ world, caller, parameters }) =>
      world.access.require(caller, parameters['path'] ?? '/', 'Permissions.Modify'),
    protected: true,
    handle: updateAcl,
  },
];
