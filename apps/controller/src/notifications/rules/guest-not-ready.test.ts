import { expect, it } from 'vitest';
import { guestNotReady } from './guest-not-ready.ts';

const minute = 60_000;
const bad = { vmid: 101, isReady: false, message: 'DatabasesAccepting is False:\n shop/db' };
const good = { vmid: 101, isReady: true, message: 'everything runs' };
const kind = 'guest-not-ready';

it('is told once it has lasted, once, and when it is over', () => {
  const begun = guestNotReady(bad, undefined, 0, 15 * minute);
  expect(begun).toEqual({ opened: [{ kind, vmid: 101, since: 0, told: false }] });
  const pending = { kind, vmid: 101, since: 0, told: false };
  expect(guestNotReady(bad, pending, 14 * minute, 15 * minute)).toEqual({});
  const told = guestNotReady(bad, pending, 15 * minute, 15 * minute);
  expect(told).toMatchObject({
    opened: [{ since: 0, told: true }],
    notices: [
      {
        resolved: false,
        what: 'Guest 101 has not been ready for 15 min: DatabasesAccepting is False: shop/db',
      },
    ],
  });
  const open = { ...pending, told: true };
  expect(guestNotReady(bad, open, 99 * minute, 15 * minute)).toEqual({});
  expect(guestNotReady(good, open, 99 * minute, 15 * minute)).toMatchObject({
    closed: [{ kind, vmid: 101 }],
    notices: [{ resolved: true, title: 'Guest 101 is ready again' }],
  });
});

it('that was over before it was told is not told to be over', () => {
  const pending = { kind, vmid: 101, since: 0, told: false };
  expect(guestNotReady(good, pending, minute, 15 * minute)).toEqual({
    closed: [{ kind, vmid: 101 }],
    notices: [],
  });
  expect(guestNotReady(good, undefined, minute, 15 * minute)).toEqual({});
});
