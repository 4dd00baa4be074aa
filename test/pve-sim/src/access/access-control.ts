import { forbidden } from '../api/errors.ts';
import type { AclOptions } from '../options.ts';
import type { Accounts } from './accounts.ts';
import { splitCaller } from './accounts.ts';
import { poolPath, Pools } from './pools.ts';
import { BUILT_IN_ROLES, isPrivilege, PRIVILEGES, type Privilege } from './privileges.ts';

export interface AclEntry {
  readonly path: string;
  readonly roleid: string;
  /** User or token id. */
  readonly ugid: string;
  readonly propagate: boolean;
}

/** Privilege to propagate flag. A privilege that does not propagate is granted all the same. */
export type Granted = ReadonlyMap<Privilege, 0 | 1>;

const NOTHING: Granted = new Map();
const EVERYTHING: Granted = new Map(PRIVILEGES.map((privilege) => [privilege, 1]));

/**
 * Who may do what, by the rules of PVE::AccessControl: along the path the entries nearest to it win, an
 * entry above counts only when it propagates, `NoAccess` silences every other role, a token with privilege
 * separation gets the intersection of its user's grants and its own, and the roles on a pool hold on each guest in
 * it, without propagating. Groups, and storages in pools, are not simulated.
 */
export class AccessControl {
  readonly roles = new Map<string, readonly Privilege[]>(BUILT_IN_ROLES);
  readonly pools: Pools;
  readonly #accounts: Accounts;
  #acl: AclEntry[] = [];

  constructor(
    accounts: Accounts,
    roles: Readonly<Record<string, readonly string[]>>,
    acl: readonly AclOptions[],
    pools: Readonly<Record<string, readonly number[]>>,
  ) {
    this.#accounts = accounts;
    this.pools = new Pools(pools);
    for (const [role, privileges] of Object.entries(roles))
      this.roles.set(role, privileges.filter(isPrivilege));
    for (const { path, role, to, propagate } of acl) {
      this.grant({ path, roleid: role, ugid: to, propagate: propagate ?? true });
    }
  }

  get entries(): readonly AclEntry[] {
    return this.#acl;
  }

  grant(entry: AclEntry): void {
    this.revoke(entry);
    this.#acl.push(entry);
  }

  revoke({ path, roleid, ugid }: Omit<AclEntry, 'propagate'>): void {
    this.#acl = this.#acl.filter(
      (entry) => entry.path !== path || entry.roleid !== roleid || entry.ugid !== ugid,
    );
  }

  /** Deleting a user, token, role or guest takes its entries with it. */
  forget(isGone: (entry: AclEntry) => boolean): void {
    this.#acl = this.#acl.filter((entry) => !isGone(entry));
  }

  granted(caller: string, path: string): Granted {
    const [userid, tokenid] = splitCaller(caller);
    const byUser = userid === 'root@pam' ? EVERYTHING : this.#privileges(userid, path);
    if (tokenid === undefined) return byUser;
    if (!(this.#accounts.users.get(userid)?.tokens.get(tokenid)?.privsep ?? true)) return byUser;
    const byToken = this.#privileges(caller, path);
    const both = new Map<Privilege, 0 | 1>();
    for (const [privilege, propagate] of byToken) {
      const user = byUser.get(privilege);
      if (user !== undefined) both.set(privilege, user === 1 && propagate === 1 ? 1 : 0);
    }
    return both;
  }

  allows(caller: string, path: string, ...anyOf: Privilege[]): boolean {
    const granted = this.granted(caller, path);
    return anyOf.some((privilege) => granted.has(privilege));
  }

  /** Throws a 403 that names the path and the missing privileges. */
  require(caller: string, path: string, ...anyOf: Privilege[]): void {
    if (!this.allows(caller, path, ...anyOf)) throw forbidden(`${path}, ${anyOf.join('|')}`);
  }

  /** What a guest that may only come to be needs: on its pool, or else on itself. */
  requireOnGuest(caller: string, vmid: number, pool: string | undefined, privilege: Privilege): void {
    if (pool !== undefined && this.allows(caller, poolPath(pool), privilege)) return;
    this.require(caller, `/vms/${vmid}`, privilege);
  }

  /** Every path that has an entry, or a guest in a pool, and on which the caller has something. */
  permissions(caller: string): Record<string, Record<string, 0 | 1>> {
    const [userid] = splitCaller(caller);
    const inPools = this.pools.members().map((vmid) => `/vms/${vmid}`);
    const paths = new Set([...this.#acl.map((entry) => entry.path), ...inPools]);
    if (userid === 'root@pam') {
      for (const path of ['/', '/access', '/access/groups', '/nodes', '/pool', '/sdn', '/storage', '/vms']) {
        paths.add(path);
      }
    }
    const answer: Record<string, Record<string, 0 | 1>> = {};
    for (const path of paths) {
      const granted = this.granted(caller, path);
      if (granted.size > 0) answer[path] = Object.fromEntries(granted);
    }
    return answer;
  }

  #privileges(ugid: string, path: string): Granted {
    const roles = this.#rolesOn(ugid, path);
    const pool = this.pools.ofPath(path);
    const fromPool = pool === undefined ? [] : [...this.#rolesOn(ugid, poolPath(pool)).keys()];
    if ([...roles.keys(), ...fromPool].includes('NoAccess')) return NOTHING;
    for (const role of fromPool) if (!roles.has(role)) roles.set(role, 0);
    const granted = new Map<Privilege, 0 | 1>();
    for (const [role, propagate] of roles) {
      for (const privilege of this.roles.get(role) ?? []) {
        granted.set(privilege, granted.get(privilege) === 1 ? 1 : propagate);
      }
    }
    return granted;
  }

  #rolesOn(ugid: string, path: string): Map<string, 0 | 1> {
    let roles = new Map<string, 0 | 1>();
    for (const ancestor of ancestors(path)) {
      const here = this.#acl.filter(
        (entry) => entry.ugid === ugid && entry.path === ancestor && (entry.propagate || ancestor === path),
      );
      if (here.length === 0) continue;
      roles = new Map(here.map((entry) => [entry.roleid, entry.propagate ? 1 : 0]));
    }
    return roles;
  }
}

/** `/vms/201` → `/`, `/vms`, `/vms/201`. */
function ancestors(path: string): string[] {
  const parts = path.split('/').filter((part) => part !== '');
  return ['/', ...parts.map((_, index) => `/${parts.slice(0, index + 1).join('/')}`)];
}
