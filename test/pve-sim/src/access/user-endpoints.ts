import { type Call, data, type Endpoint, parameter, type Reply } from '../api/endpoint.ts';
import { forbidden } from '../api/errors.ts';
import { BOOLEAN, INTEGER, type ParameterSpec, required, STRING } from '../api/schema.ts';
import { splitCaller, type Token } from './accounts.ts';

const TOKEN_ID: ParameterSpec = { type: 'string', pattern: /^[A-Za-z][A-Za-z0-9._-]+$/ };
const USER_ID: ParameterSpec = {
  type: 'string',
  format: (value) =>
    /^[^\s:/]+@[A-Za-z][A-Za-z0-9.\-_]+$/.test(value)
      ? undefined
      : `value '${value}' does not look like a valid user name`,
};

/** Seen on Proxmox VE 9.2: a token is not its user; it may not manage that user's tokens. */
function requireSelfOrManager({ world, caller, parameters }: Call): void {
  if (caller === parameters['userid']) return;
  if (!world.access.allows(caller, '/access/groups', 'User.Modify')) throw forbidden();
}

function requireUserManager({ world, caller }: Call): void {
  if (!world.access.allows(caller, '/access/groups', 'User.Modify')) throw forbidden();
}

function listUsers({ world, caller }: Call): Reply {
  const all = world.access.allows(caller, '/access/groups', 'User.Modify', 'Sys.Audit');
  const visible = [...world.accounts.users.values()].filter(({ userid }) => all || userid === caller);
  return data(
    visible.map(({ userid, enable, expire, comment }) => ({
      userid,
      enable: enable ? 1 : 0,
      expire,
      'realm-type': userid.endsWith('@pam') ? 'pam' : 'pve',
      ...(comment === undefined ? {} : { comment }),
    })),
  );
}

function createUser(call: Call): Reply {
  const { world, parameters } = call;
  const { comment, password } = parameters;
  world.accounts.addUser({
    userid: parameter(call, 'userid'),
    enable: parameters['enable'] !== '0',
    expire: Number(parameters['expire'] ?? 0),
    ...(comment === undefined ? {} : { comment }),
    ...(password === undefined ? {} : { password }),
  });
  return data(null);
}

function updateUser(call: Call): Reply {
  const user = call.world.accounts.user(parameter(call, 'userid'));
  const { comment, enable, expire } = call.parameters;
  if (comment !== undefined) user.comment = comment;
  if (enable !== undefined) user.enable = enable === '1';
  if (expire !== undefined) user.expire = Number(expire);
  return data(null);
}

function deleteUser(call: Call): Reply {
  const { world } = call;
  const { userid } = world.accounts.user(parameter(call, 'userid'));
  world.accounts.users.delete(userid);
  world.access.forget(({ ugid }) => splitCaller(ugid)[0] === userid);
  return data(null);
}

function tokenInfo({ privsep, comment, expire }: Token): Record<string, unknown> {
  return { privsep: privsep ? 1 : 0, expire, ...(comment === undefined ? {} : { comment }) };
}

function listTokens(call: Call): Reply {
  const { tokens } = call.world.accounts.user(parameter(call, 'userid'));
  return data([...tokens.values()].map((token) => ({ tokenid: token.tokenid, ...tokenInfo(token) })));
}

/** The only time the secret is shown. `info` echoes what was given, as text. */
function createToken(call: Call): Reply {
  const { world, parameters } = call;
  const userid = parameter(call, 'userid');
  const tokenid = parameter(call, 'tokenid');
  const { comment, expire, privsep = '1' } = parameters;
  const token = world.accounts.addToken(userid, {
    tokenid,
    privsep: privsep === '1',
    expire: Number(expire ?? 0),
    ...(comment === undefined ? {} : { comment }),
  });
  const info = {
    privsep,
    ...(comment === undefined ? {} : { comment }),
    ...(expire === undefined ? {} : { expire }),
  };
  return data({ 'full-tokenid': `${userid}!${tokenid}`, value: token.secret, info });
}

function deleteToken(call: Call): Reply {
  const { world } = call;
  const userid = parameter(call, 'userid');
  const { tokenid } = world.accounts.token(userid, parameter(call, 'tokenid'));
  world.accounts.user(userid).tokens.delete(tokenid);
  world.access.forget(({ ugid }) => ugid === `${userid}!${tokenid}`);
  return data(null);
}

const TOKEN_PATH = '/access/users/{userid}/token/{tokenid}';

export const userEndpoints: readonly Endpoint[] = [
  {
    method: 'GET',
    path: '/access/users',
    parameters: { full: BOOLEAN, enabled: BOOLEAN },
    handle: listUsers,
  },
  {
    method: 'POST',
    path: '/access/users',
    parameters: {
      userid: required(USER_ID),
      password: STRING,
      comment: STRING,
      email: STRING,
      enable: BOOLEAN,
      expire: INTEGER,
      groups: STRING,
    },
    permission: requireUserManager,
    protected: true,
    handle: createUser,
  },
  {
    method: 'PUT',
    path: '/access/users/{userid}',
    parameters: { enable: BOOLEAN, expire: INTEGER, comment: STRING },
    permission: requireUserManager,
    protected: true,
    handle: updateUser,
  },
  {
    method: 'DELETE',
    path: '/access/users/{userid}',
    permission: requireUserManager,
    protected: true,
    handle: deleteUser,
  },
  {
    method: 'GET',
    path: '/access/users/{userid}/token',
    permission: requireSelfOrManager,
    handle: listTokens,
  },
  {
    method: 'GET',
    path: TOKEN_PATH,
    permission: requireSelfOrManager,
    handle: (call) =>
      data(tokenInfo(call.world.accounts.token(parameter(call, 'userid'), parameter(call, 'tokenid')))),
  },
  {
    method: 'POST',
    path: TOKEN_PATH,
    parameters: { tokenid: TOKEN_ID, privsep: BOOLEAN, comment: STRING, expire: INTEGER },
    permission: requireSelfOrManager,
    protected: true,
    handle: createToken,
  },
  {
    method: 'DELETE',
    path: TOKEN_PATH,
    permission: requireSelfOrManager,
    protected: true,
    handle: deleteToken,
  },
];
