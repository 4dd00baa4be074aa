import type { Guest } from '@tacet/protocol';
import { expect, it } from 'vitest';
import { guestTable } from './guest.ts';

const copy: Guest = {
  id: '6a0f3c1e-0000-4000-8000-000000000000',
  vmid: 333,
  identity: 'quarantined',
  copyOf: 101,
  connected: true,
  agentVersion: '0.1.0',
  incarnation: null,
  quiesceState: 'idle',
  conditions: [],
  services: [],
  lastSeenAt: 1,
  lastBackup: null,
  simulated: false,
};

it('a quarantined copy is shown with whose it is, and the id that adopt and dismiss ask for', () => {
  expect(guestTable([copy]).at(-1)).toContain(`QUARANTINED copy of 101: ${copy.id}`);
  const { copyOf: _, ...nameless } = copy;
  expect(guestTable([nameless]).at(-1)).toContain(`QUARANTINED ${copy.id}`);
});
