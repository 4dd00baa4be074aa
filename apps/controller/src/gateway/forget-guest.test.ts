import { expect, it } from 'vitest';
import { DamageableStore } from '../store/testing/damageable-store.ts';
import { forgetGuest } from './forget-guest.ts';
import { Roster } from './roster.ts';

it('forgets a guest whose row cannot be read, and no other', async () => {
  await using bench = await DamageableStore.open();
  const { store } = bench;
  for (const vmid of [900, 901])
    await store.guests.enrol({ id: `g${vmid}`, vmid, credentialHash: `hash${vmid}`, now: 1 });
  bench.run(`UPDATE guests SET status = '{'`);
  await forgetGuest(900, store, new Roster());
  await forgetGuest(902, store, new Roster());
  expect((await store.census.guests()).map(({ vmid }) => vmid)).toEqual([901]);
});
