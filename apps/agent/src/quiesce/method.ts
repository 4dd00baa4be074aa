import type { Clock, Logger } from '@tacet/runtime';
import type { Engine } from '../engine/engine.ts';
import type { Freezer } from '../guest/guest.ts';
import type { HoldRecord } from '../journal/schemas.ts';

/** What a method works with. */
export interface MethodPorts {
  engine: Engine;
  freezer: Freezer;
  clock: Clock;
  logger: Logger;
}

/**
 * One container's way of being held. Everything is idempotent, bounded by its signal, and may be called
 * without what should have come before: a fresh process makes one from the journal's record alone and thaws.
 */
export interface ServiceHold {
  readonly record: HoldRecord;
  /** Slow work while writes go on. May fail where `hold` then still succeeds: what fails is told. */
  prepare(signal: AbortSignal): Promise<void>;
  /**
   * Resolves when writes stand still and everything acknowledged is in the files. An engine may carry out a
   * call that was aborted: such a hold settles late, after its signal has aborted, and resolves if it came
   * about all the same. Whoever gave up waiting must then thaw again.
   */
  hold(leaseMs: number, signal: AbortSignal): Promise<void>;
  /** For a hold that ends by itself: it must last this long from now on. */
  renew(leaseMs: number, signal: AbortSignal): Promise<void>;
  /** True only where it was seen, just now, that writes stand still. */
  isHeld(signal: AbortSignal): Promise<boolean>;
  /** Resolves when the release was seen, or when there is nothing left that could be held. */
  thaw(signal: AbortSignal): Promise<void>;
  /** Gives back what it keeps open. Does not thaw. */
  close(): Promise<void>;
}

/** For calls whose end must be known, however late it comes. */
export const unending = new AbortController().signal;
