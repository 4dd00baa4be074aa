import type { Incarnation } from '@tacet/protocol';
import type { StoredGuest } from '../store/guests.ts';
import type { RestoreOrder } from '../store/restore-orders.ts';

/** Who is speaking, when a credential has turned out to be `owner`'s. */
export type Identity =
  | { readonly kind: 'guest' }
  | { readonly kind: 'adopted'; readonly order: RestoreOrder }
  | { readonly kind: 'quarantined'; readonly reason: string };

/**
 * A credential is a file on a disk that restores copy, so it names a family of copies; which one is speaking
 * is told by the incarnation. Pure: `orders` are the restores of `owner` that are still expecting a copy.
 */
export function decideIdentity(
  owner: Pick<StoredGuest, 'vmid' | 'incarnation'>,
  speaking: Incarnation,
  orders: readonly RestoreOrder[],
): Identity {
  if (speaking.vmid === null) return decideByMacs(owner, speaking, orders);
  if (speaking.vmid === owner.vmid) return { kind: 'guest' };

  const order = orders.find((candidate) => candidate.targetVmid === speaking.vmid);
  if (order !== undefined) return { kind: 'adopted', order };
  return {
    kind: 'quarantined',
    reason: `guest ${speaking.vmid} shows the credential of guest ${owner.vmid}, and no restore to ${speaking.vmid} was ordered`,
  };
}

/** Some storages do not name the VMID inside the guest. A restore with `unique=1` has other addresses. */
function decideByMacs(
  owner: Pick<StoredGuest, 'vmid' | 'incarnation'>,
  speaking: Incarnation,
  orders: readonly RestoreOrder[],
): Identity {
  const known = owner.incarnation?.macs;
  if (known === undefined || known.join() === speaking.macs.join()) return { kind: 'guest' };

  const [order, ...others] = orders;
  if (order !== undefined && others.length === 0) return { kind: 'adopted', order };
  return {
    kind: 'quarantined',
    reason: `a copy of guest ${owner.vmid} with other MAC addresses, and not exactly one ordered restore that it could be`,
  };
}
