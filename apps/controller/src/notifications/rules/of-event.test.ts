import type { Operation, StoredEvent } from '@tacet/protocol';
import { describe, expect, it } from 'vitest';
import type { Facts } from './news.ts';
import { newsOfEvent } from './of-event.ts';

const operation: Operation = {
  id: 'one',
  kind: 'backup',
  vmid: 101,
  state: 'succeeded',
  startedAt: 0,
  finishedAt: 0,
  steps: [],
  backup: null,
  restoredTo: null,
  error: null,
};
const error = {
  code: 'restore-failed',
  message: 'it did not become ready',
  hint: 'Look at its log.',
  retryable: false,
} as const;

const facts = (more: Partial<Facts> = {}): Facts => ({
  operation: async () => operation,
  wantedOf: async () => 'app',
  guest: async () => ({ vmid: 101, identity: 'enrolled' }),
  isOpen: () => false,
  ...more,
});

const event = (type: StoredEvent['type'], more: Partial<StoredEvent> = {}): StoredEvent => ({
  sequence: 1,
  at: 0,
  type,
  message: 'the MAC addresses are those of another guest.',
  data: { operationId: 'one' },
  guestId: 'guest-1',
  vmid: 101,
  ...more,
});

const backedUp = (consistency: 'app' | 'crash' | 'unknown'): Operation => ({
  ...operation,
  backup: {
    id: 'backup',
    operationId: 'one',
    vmid: 101,
    node: 'pve1',
    volid: 'local:x',
    sizeBytes: null,
    startedAt: 0,
    finishedAt: 0,
    origin: 'hook',
    verdict: { consistency, reason: 'Why', message: 'so it was', proof: null, services: [], uncovered: [] },
  },
});

describe('a backup', () => {
  it.each([
    ['app', 'app', []],
    ['crash', 'app', ['verdict-below-policy']],
    ['unknown', 'app', ['verdict-below-policy']],
    // Its schedule stops the guest for it, and holds nobody.
    ['crash', 'crash', []],
    ['app', 'crash', []],
    ['unknown', 'crash', ['verdict-below-policy']],
  ] as const)('of %s where %s is wanted is worth %o', async (consistency, wanted, kinds) => {
    const known = facts({ operation: async () => backedUp(consistency), wantedOf: async () => wanted });
    const { notices, result } = await newsOfEvent(event('operation.finished'), known);
    expect((notices ?? []).map(({ kind }) => kind)).toEqual(kinds);
    expect(result?.good).toBe(kinds.length === 0);
  });
});

describe('an operation that failed', () => {
  it.each([
    ['restore', 'operation-failed'],
    ['snapshot', 'operation-failed'],
    ['rollback', 'operation-failed'],
    ['drill', 'drill-failed'],
    ['rehearsal', undefined],
  ] as const)('%s is told as %s', async (kind, told) => {
    const known = facts({ operation: async () => ({ ...operation, kind, state: 'failed', error }) });
    const { notices = [], result } = await newsOfEvent(event('operation.finished'), known);
    expect(notices[0]?.kind).toBe(told);
    expect(result).toBeUndefined();
    if (told === undefined) return;
    expect(notices[0]?.what).toContain('it did not become ready');
    expect(notices[0]?.next).toContain('Look at its log. tacet operation one');
  });

  it('that nobody remembers is told to nobody', async () => {
    expect(
      await newsOfEvent(event('operation.finished'), facts({ operation: async () => undefined })),
    ).toEqual({});
  });
});

describe('what a guest reports', () => {
  it('is told where its hold expired, but not of a copy', async () => {
    const { notices } = await newsOfEvent(event('lease.expired'), facts());
    expect(notices).toMatchObject([{ kind: 'hold-expired', vmids: [101] }]);
    const ofCopy = facts({ guest: async () => ({ vmid: 101, identity: 'quarantined' }) });
    expect(await newsOfEvent(event('lease.expired'), ofCopy)).toEqual({});
  });

  it('is told where a copy was quarantined, to whom its original concerns too', async () => {
    const quarantined = event('guest.quarantined', { vmid: 333, data: { originGuestId: 'guest-0' } });
    const { notices } = await newsOfEvent(quarantined, facts());
    expect(notices).toMatchObject([
      {
        kind: 'copy-quarantined',
        vmids: [333, 101],
        path: '/copies/guest-1',
        next: expect.stringContaining('tacet adopt guest-1'),
      },
    ]);
  });

  it('is nothing else', async () => {
    expect(await newsOfEvent(event('heal.step-failed'), facts())).toEqual({});
  });
});
