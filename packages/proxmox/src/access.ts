import * as z from 'zod';
import { permissionsSchema } from './permissions.ts';
import type { CallOptions, Transport } from './transport.ts';
import { commaList, epochSeconds, flag, nothing } from './values.ts';

const role = z
  .object({ roleid: z.string(), privs: commaList.default([]), special: flag.default(false) })
  .transform(({ roleid, privs, special }) => ({ role: roleid, privileges: privs, builtIn: special }));
export type Role = z.output<typeof role>;

/** Epoch milliseconds; Proxmox writes 0 for never. */
const expiry = epochSeconds.default(0).transform((ms) => (ms === 0 ? undefined : ms));

const user = z
  .object({ userid: z.string(), enable: flag.default(true), expire: expiry })
  .transform(({ userid, enable, expire }) => ({ userId: userid, enabled: enable, expiresAtMs: expire }));
export type User = z.output<typeof user>;

const listedToken = z
  .object({ tokenid: z.string(), privsep: flag.default(true), expire: expiry })
  .transform(({ tokenid, privsep, expire }) => ({
    tokenId: tokenid,
    /** Without it a token has all that its user has. */
    separated: privsep,
    expiresAtMs: expire,
  }));
export type ListedToken = z.output<typeof listedToken>;

const aclEntry = z
  .object({
    path: z.string(),
    roleid: z.string(),
    type: z.enum(['user', 'group', 'token']),
    ugid: z.string(),
    propagate: flag.default(true),
  })
  .transform(({ path, roleid, type, ugid, propagate }) => ({
    path,
    role: roleid,
    holder: type,
    /** `user@realm`, `user@realm!token`, or a group's name. */
    holderId: ugid,
    propagate,
  }));
export type AclEntry = z.output<typeof aclEntry>;

export interface Grant {
  /** `/vms/101`; need not exist. */
  readonly path: string;
  readonly role: string;
  readonly users?: readonly string[];
  /** `user@realm!token` */
  readonly tokens?: readonly string[];
  /** To the paths below. Default true. */
  readonly propagate?: boolean;
}

const pool = z.object({ poolid: z.string() }).transform(({ poolid }) => poolid);

const newToken = z.object({ value: z.string().regex(/^[\w-]+$/) }).transform(({ value }) => value);

export type AccessApi = ReturnType<typeof accessApi>;

/** Roles, users, tokens, pools and the grants that join them, the same in all of a cluster. */
export function accessApi(transport: Transport) {
  const change = (
    method: 'POST' | 'PUT' | 'DELETE',
    path: readonly string[],
    params: Readonly<Record<string, string | boolean | undefined>>,
    options: CallOptions,
  ) => transport.call({ ...options, method, path: ['access', ...path], params, answer: nothing });

  const changeAcl = (
    { path, role, users, tokens, propagate }: Grant,
    remove: boolean,
    options: CallOptions,
  ) =>
    change(
      'PUT',
      ['acl'],
      {
        path,
        roles: role,
        users: users?.join(','),
        tokens: tokens?.join(','),
        ...(propagate === false && { propagate }),
        ...(remove && { delete: true }),
      },
      options,
    );

  return {
    roles: (options: CallOptions = {}) =>
      transport.call({ ...options, method: 'GET', path: ['access', 'roles'], answer: z.array(role) }),

    createRole: (name: string, privileges: readonly string[], options: CallOptions = {}) =>
      change('POST', ['roles'], { roleid: name, privs: privileges.join(',') }, options),

    /** Instead of the privileges that it has. */
    setRole: (name: string, privileges: readonly string[], options: CallOptions = {}) =>
      change('PUT', ['roles', name], { privs: privileges.join(',') }, options),

    /** Those that the caller may see. */
    users: (options: CallOptions = {}) =>
      transport.call({ ...options, method: 'GET', path: ['access', 'users'], answer: z.array(user) }),

    /** One that has no password, and so can do nothing but own tokens. */
    createUser: (userId: string, { comment, ...options }: CallOptions & { comment?: string } = {}) =>
      change('POST', ['users'], { userid: userId, comment }, options),

    tokens: (userId: string, options: CallOptions = {}) =>
      transport.call({
        ...options,
        method: 'GET',
        path: ['access', 'users', userId, 'token'],
        answer: z.array(listedToken),
      }),

    /**
     * A token with privilege separation: it has what both its user and itself were granted.
     * @returns its secret, which Proxmox VE shows this once
     */
    createToken: (
      userId: string,
      tokenId: string,
      { comment, ...options }: CallOptions & { comment?: string } = {},
    ): Promise<string> =>
      transport.call({
        ...options,
        method: 'POST',
        path: ['access', 'users', userId, 'token', tokenId],
        params: { privsep: true, comment },
        answer: newToken,
        confidential: true,
      }),

    /** Its grants go with it. */
    deleteToken: (userId: string, tokenId: string, options: CallOptions = {}) =>
      change('DELETE', ['users', userId, 'token', tokenId], {}, options),

    /** Whole for who has `Sys.Audit` on `/access`; else what the caller may change. */
    acl: (options: CallOptions = {}) =>
      transport.call({ ...options, method: 'GET', path: ['access', 'acl'], answer: z.array(aclEntry) }),

    /** Done already is done. Needs `Permissions.Modify` on the path. */
    grant: (grant: Grant, options: CallOptions = {}) => changeAcl(grant, false, options),

    withdraw: (grant: Grant, options: CallOptions = {}) => changeAcl(grant, true, options),

    /** The names of those that the caller may see: `Pool.Audit` decides. */
    pools: (options: CallOptions = {}) =>
      transport.call({ ...options, method: 'GET', path: ['pools'], answer: z.array(pool) }),

    /** Needs `Pool.Allocate` on `/pool/NAME`. */
    createPool: (name: string, { comment, ...options }: CallOptions & { comment?: string } = {}) =>
      transport.call({
        ...options,
        method: 'POST',
        path: ['pools'],
        params: { poolid: name, comment },
        answer: nothing,
      }),

    /** Somebody else's; needs `Sys.Audit` on `/access`. */
    permissionsOf: (holderId: string, options: CallOptions = {}) =>
      transport.call({
        ...options,
        method: 'GET',
        path: ['access', 'permissions'],
        params: { userid: holderId },
        answer: permissionsSchema,
      }),
  };
}
