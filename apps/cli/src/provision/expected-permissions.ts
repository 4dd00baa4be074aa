import { type AclEntry, type GuestResource, type Permissions, tacetRoles } from '@tacet/proxmox';
import { fullTokenId } from './step.ts';
import { isWithinPool, type TokenWish, vmPath } from './wish.ts';

/** Privileges by path. */
export type PrivilegesByPath = ReadonlyMap<string, ReadonlySet<string>>;

/**
 * What a token shall have, no more and no less: what was wished for, and what earlier wishes left it in our roles.
 * For a guest's token those are other storages, never another guest. What is granted on a pool holds on its guests.
 */
export function expectedPermissions(
  userId: string,
  { tokenId, vmid, grants }: TokenWish,
  acl: readonly AclEntry[],
  guests: readonly Pick<GuestResource, 'vmid' | 'pool'>[],
): PrivilegesByPath {
  const earlier = acl.filter(
    ({ holderId, path }) =>
      holderId === fullTokenId(userId, tokenId) && (vmid === undefined || path.startsWith('/storage/')),
  );
  const byPath = new Map<string, Set<string>>();
  const onPools = [...grants, ...earlier].flatMap(({ path, role }) =>
    guests
      .filter(({ pool }) => path.startsWith('/pool/') && isWithinPool(pool, path.slice('/pool/'.length)))
      .map((one) => ({ path: vmPath(one.vmid), role })),
  );
  for (const { path, role } of [...grants, ...earlier, ...onPools]) {
    const privileges = tacetRoles.find((one) => one.role === role)?.privileges ?? [];
    const there = byPath.get(path) ?? new Set();
    for (const privilege of privileges) there.add(privilege);
    if (there.size > 0) byPath.set(path, there);
  }
  return byPath;
}

/** Proxmox VE also lists paths on which somebody else was granted something: what comes from above shows there. */
function inherited(expected: PrivilegesByPath, path: string): ReadonlySet<string> {
  const above = path.slice(0, path.lastIndexOf('/'));
  return above === '' ? new Set() : (expected.get(above) ?? inherited(expected, above));
}

/** `lacks VM.Backup on /vms/101`, … ; empty when they are the same. */
export function differences(expected: PrivilegesByPath, actual: Permissions): string[] {
  const paths = new Set([...expected.keys(), ...Object.keys(actual)]);
  return [...paths].flatMap((path) => {
    const shall = expected.get(path) ?? inherited(expected, path);
    const has = new Set(Object.keys(actual[path] ?? {}));
    const lacks = [...shall].filter((privilege) => !has.has(privilege));
    const beyond = [...has].filter((privilege) => !shall.has(privilege));
    return [
      ...(lacks.length > 0 ? [`lacks ${lacks.join(' ')} on ${path}`] : []),
      ...(beyond.length > 0 ? [`has ${beyond.join(' ')} on ${path} besides`] : []),
    ];
  });
}
