import type { StoredEvent } from '@tacet/protocol';
import { describe, expect, it } from 'vitest';
import { appendEvents, listPauseMs, noChanges, noteEvent } from './what-changed.ts';

function event(sequence: number, more: Partial<StoredEvent> = {}): StoredEvent {
  return {
    sequence,
    at: 1,
    type: 'condition.changed',
    message: '',
    data: {},
    guestId: null,
    vmid: 101,
    ...more,
  };
}

describe('what an event gives cause to ask for', () => {
  it('is the guest that it speaks of', () => {
    const changes = noChanges();
    noteEvent(changes, event(1));
    expect(changes).toEqual({
      vmids: new Set([101]),
      operations: new Set(),
      backupsOf: new Set(),
      roll: false,
      runs: false,
    });
  });

  it('is an operation, and the backups of its guest once it has ended', () => {
    const changes = noChanges();
    noteEvent(changes, event(1, { type: 'operation.step', data: { operationId: 'o1' } }));
    expect(changes.backupsOf.size).toBe(0);
    noteEvent(changes, event(2, { type: 'operation.finished', data: { operationId: 'o1' } }));
    expect([...changes.operations]).toEqual(['o1']);
    expect([...changes.backupsOf]).toEqual([101]);
    expect(changes.runs).toBe(true);
  });

  it('is the whole list where guests come or go', () => {
    const changes = noChanges();
    noteEvent(changes, event(1, { type: 'guest.quarantined', vmid: null }));
    expect(changes.roll).toBe(true);
  });
});

it('keeps the newest events, each once', () => {
  const kept = appendEvents([event(1), event(2)], [event(2), event(3), event(4)], 3);
  expect(kept.map(({ sequence }) => sequence)).toEqual([2, 3, 4]);
});

it('asks for a slow list rarely', () => {
  expect(listPauseMs(20)).toBe(2_000);
  expect(listPauseMs(900)).toBe(9_000);
});
