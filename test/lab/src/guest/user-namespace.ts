import { firstSubordinateId, subordinateIdCount } from './lxc-config.ts';

/**
 * Command line that runs a program of the host with the guest's ids: what it makes belongs to the guest, and
 * ids it reads or writes are the guest's own (unshifted), as vzdump and a restore do for an unprivileged
 * guest.
 */
export function asGuestIds(argv: readonly string[]): string[] {
  return ['lxc-usernsexec', '-m', `b:0:${firstSubordinateId}:${subordinateIdCount}`, '--', ...argv];
}
