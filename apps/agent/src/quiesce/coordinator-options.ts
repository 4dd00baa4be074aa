import type { Event } from '@tacet/protocol';
import type { Clock, Logger } from '@tacet/runtime';
import type { Engine } from '../engine/engine.ts';
import type { GuestHost } from '../guest/guest.ts';
import type { Journal } from '../journal/journal.ts';

export interface CoordinatorOptions {
  engine: Engine;
  host: GuestHost;
  journal: Journal;
  agentVersion: string;
  emit: (event: Event) => void;
  clock?: Clock;
  logger?: Logger;
  /** No renewal keeps a guest held for longer than this, whoever asks. Default 5 minutes. */
  leaseCeilingMs?: number;
  /** A preparation that no hold follows is dropped after this time. Default 10 minutes. */
  preparedTtlMs?: number;
}
