import type { Store } from '../store/open-store.ts';
import type { Roster } from './roster.ts';

/** Of a guest that was destroyed: nobody bears its VMID any more, and its credential opens nothing. */
export async function forgetGuest(vmid: number, store: Store, roster: Roster): Promise<void> {
  const id = await store.guests.idOfEnrolled(vmid); // what else its row says, and whether it can be read, is all one
  if (id === undefined) return;
  await store.guests.remove(id);
  roster.forget(id, 'its guest is gone');
}
