import type { AccessApi, AclEntry, ListedToken } from '@tacet/proxmox';

/** What Proxmox VE's access control holds now, as far as one user goes. */
export interface AccessState {
  readonly roles: ReadonlyMap<string, readonly string[]>;
  /** Undefined when there is no such user. */
  readonly user: { readonly enabled: boolean; readonly expiresAtMs: number | undefined } | undefined;
  readonly tokens: readonly ListedToken[];
  readonly pools: ReadonlySet<string>;
  /** Everybody's. */
  readonly acl: readonly AclEntry[];
}

export const nothingYet: AccessState = {
  roles: new Map(),
  user: undefined,
  tokens: [],
  pools: new Set(),
  acl: [],
};

export async function readAccessState(
  access: AccessApi,
  userId: string,
  signal: AbortSignal,
): Promise<AccessState> {
  const roles = await access.roles({ signal });
  const user = (await access.users({ signal })).find((candidate) => candidate.userId === userId);
  return {
    roles: new Map(roles.map(({ role, privileges }) => [role, privileges])),
    user,
    tokens: user === undefined ? [] : await access.tokens(userId, { signal }),
    pools: new Set(await access.pools({ signal })),
    acl: await access.acl({ signal }),
  };
}
