import type { Store } from '../store/open-store.ts';
import type { Roster } from './roster.ts';

/** Of a guest that was destroyed: nobody bears its VMID any more, and its credential opens nothing. */
export async function forgetGuest(vmid: number, store: Store, roster: Roster): Promise<void> {
  const guest = await store.guests.enrolled(vmid);
  if (guest === undefined) return;
  await store.guests.remove(guest.id);
  roster.forget(guest.id, 'its guest is gone');
}
