import { join } from 'node:path';
import {
  copyNetworkRole,
  guestRole,
  powerRole,
  restoreRole,
  type RoleWish,
  scratchRole,
  targetRole,
} from '@tacet/proxmox';

export interface WishedGrant {
  readonly path: string;
  readonly role: string;
}

export interface TokenWish {
  /** What comes after the `!`. */
  readonly tokenId: string;
  readonly comment: string;
  /** Where the controller reads its secret. */
  readonly secretFile: string;
  /** To the token and to its user: a token has what both have. */
  readonly grants: readonly WishedGrant[];
  /** The one guest it is for; undefined for the operator's. */
  readonly vmid: number | undefined;
}

/** What Proxmox VE's access control shall hold, at least. */
export interface Wish {
  readonly userId: string;
  readonly roles: readonly RoleWish[];
  readonly pools: readonly string[];
  readonly tokens: readonly TokenWish[];
}

export interface WishInput {
  readonly userId: string;
  /** The node as the controller's configuration names it. */
  readonly node: string;
  /** The directory for secrets. */
  readonly secrets: string;
  readonly guests: readonly number[];
  /** Of backups. */
  readonly storages: readonly string[];
  readonly restore: RestoreInput | undefined;
}

export interface RestoreInput {
  /** VMIDs of copies. */
  readonly targets: readonly number[];
  /** Of restored disks. */
  readonly storages: readonly string[];
  /** `vmbr0`, or `zone/vnet` for a network of the SDN. */
  readonly bridges: readonly string[];
  /** Whether the guests themselves may be replaced and set back. */
  readonly inPlace: boolean;
  /** Whether copies may get another network than their original's. */
  readonly copyNetwork: boolean;
  readonly drill: DrillInput | undefined;
}

/** What scratch guests need that is not a copy's. */
export interface DrillInput {
  /** Made where it is not there. */
  readonly pool: string;
  /** That leads nowhere but to the controller; none where the link of scratch guests is down. */
  readonly bridge: string | undefined;
  /** For their disks, where those do not go to a storage of restores. */
  readonly storage: string | undefined;
}

export const restoreTokenId = 'restore';
export const guestTokenId = (vmid: number): string => `guest-${vmid}`;

/** In one directory for all nodes, whose guests may have the same VMIDs. */
export function secretFileOf(
  { secrets, node }: Pick<WishInput, 'secrets' | 'node'>,
  tokenId: string,
): string {
  return join(secrets, `${node}-${tokenId}.secret`);
}

export function wishFor(input: WishInput): Wish {
  const { userId, guests, storages, restore } = input;
  const tokens = guests.map((vmid): TokenWish => {
    const tokenId = guestTokenId(vmid);
    return {
      tokenId,
      vmid,
      comment: `Tacet: guest ${vmid}`,
      secretFile: secretFileOf(input, tokenId),
      grants: on(guestRole, [vmPath(vmid), ...storages.map(storagePath)]),
    };
  });
  const roles = guests.length > 0 ? [guestRole] : [];
  if (restore === undefined) return { userId, roles, pools: [], tokens };
  const { drill, targets, inPlace, copyNetwork } = restore;
  const used = [
    ...guests.map(vmPath),
    ...[...storages, ...restore.storages, ...listed(drill?.storage)].map(storagePath),
    ...[...restore.bridges, ...listed(drill?.bridge)].map(bridgePath),
  ];
  const operator: TokenWish = {
    tokenId: restoreTokenId,
    vmid: undefined,
    comment: 'Tacet: restores',
    secretFile: secretFileOf(input, restoreTokenId),
    grants: [
      ...on(restoreRole, [...new Set(used)]),
      ...on(targetRole, targets.map(vmPath)),
      ...(copyNetwork ? on(copyNetworkRole, targets.map(vmPath)) : []),
      ...(inPlace ? on(powerRole, guests.map(vmPath)) : []),
      ...on(scratchRole, listed(drill?.pool).map(poolPath)),
    ],
  };
  const operatorRoles = [
    restoreRole,
    ...(targets.length > 0 ? [targetRole] : []),
    ...(copyNetwork ? [copyNetworkRole] : []),
    ...(inPlace ? [powerRole] : []),
    ...(drill === undefined ? [] : [scratchRole]),
  ];
  return {
    userId,
    roles: [...roles, ...operatorRoles],
    pools: listed(drill?.pool),
    tokens: [...tokens, operator],
  };
}

function listed<T>(one: T | undefined): T[] {
  return one === undefined ? [] : [one];
}

function on({ role }: RoleWish, paths: readonly string[]): WishedGrant[] {
  return paths.map((path) => ({ path, role }));
}

export const vmPath = (vmid: number): string => `/vms/${vmid}`;
/** What is granted on a pool holds in the pools below it too. */
export const isWithinPool = (pool: string | undefined, above: string): boolean =>
  pool !== undefined && (pool === above || pool.startsWith(`${above}/`));
export const poolPath = (pool: string): string => `/pool/${pool}`;
const storagePath = (storage: string): string => `/storage/${storage}`;
export function storageOf({ path }: WishedGrant): string[] {
  return path.startsWith('/storage/') ? [path.slice('/storage/'.length)] : [];
}
/** A bridge that no SDN zone has is in the zone `localnetwork`. */
const bridgePath = (bridge: string): string =>
  `/sdn/zones/${bridge.includes('/') ? bridge : `localnetwork/${bridge}`}`;
