import type { DataDifference } from '@tacet/core';
import type { DataMarker } from '@tacet/protocol';
import type { Clock, Logger } from '@tacet/runtime';
import type { Engine, EngineContainer } from '../engine/engine.ts';
import type { Freezer, GuestProcesses } from '../guest/guest.ts';
import type { HoldRecord } from '../journal/schemas.ts';

/** What a method works with. */
export interface MethodPorts {
  engine: Engine;
  freezer: Freezer;
  processes: GuestProcesses;
  clock: Clock;
  logger: Logger;
}

/** A container as it was seen just now, in its place. */
export interface MethodTarget {
  stack: string;
  service: string;
  container: EngineContainer;
  /** Of the container: an absolute path. */
  cgroup: string;
}

/** What a look at an engine tells before anything is done to it. Every value is null where it is not known. */
export interface Discovery {
  /** For people: `PostgreSQL 17.6`, `Valkey 8.1.1, append-only file`. */
  engine: string | null;
  /** How long its lock will keep writers waiting before the snapshot can come, in milliseconds. */
  predictedHoldMs: number | null;
  /** What an operator should know: what is not covered, and why; each a sentence without a full stop. */
  notes: string[];
}

/** What a preparation has done. */
export interface Flush {
  /** Written to files by this preparation, as the engine counts it; null where it does not. */
  bytesFlushed: number | null;
  /** As in {@link Discovery}, now that it is known better. */
  predictedHoldMs: number | null;
  /**
   * Where what is acknowledged may be missing from the files although everything stands still: since when
   * (epoch milliseconds of the guest). Null where nothing can be missing.
   */
  behindSince: number | null;
}

export interface InspectionBudget {
  ms: number;
  /** `quick` is for every restored copy; `deep` reads everything, and somebody waits for it. */
  depth: 'quick' | 'deep';
}

/** What an engine found out about its own files. */
export interface Inspection {
  /** What was looked at, each in a few words. */
  looked: string[];
  findings: DataDifference[];
}

/**
 * How one kind of engine is brought to a point that is safe to copy. Everything is idempotent and bounded by
 * its signal; whatever needs a client opens it in `prepare`, because starting one takes longer than most holds.
 */
export interface EngineMethod {
  /** Reads only. @throws TacetError `prepare-failed` where the engine does not let anybody in. */
  discover(signal: AbortSignal): Promise<Discovery>;
  /** Slow work while writes go on. May fail where the lock then still succeeds: what fails is told. */
  prepare(signal: AbortSignal): Promise<Flush>;
  /** Its own way to make writes stand still; undefined where an atomic snapshot of its files needs none. */
  readonly lock: ServiceHold | undefined;
  /**
   * One question that is answered only while its clients are served, and a write where the engine allows one
   * that changes nothing. Undefined until prepared, and where nobody can ask.
   */
  readonly probe: ((signal: AbortSignal) => Promise<void>) | undefined;
  /**
   * Where its data stand, in its own words. Without `of` what is durable at this moment; with it what is there
   * now, of all that the earlier marker names. Undefined where the engine does not say.
   */
  marker?(signal: AbortSignal, of?: DataMarker): Promise<DataMarker | undefined>;
  /**
   * What is wrong with its files and no marker shows. Takes not much longer than its budget, and says what it did
   * not get to.
   */
  inspect?(budget: InspectionBudget, signal: AbortSignal): Promise<Inspection>;
  /** Gives back what it keeps open. Does not thaw. */
  close(): Promise<void>;
}

/**
 * One way in which one container is held. Everything is idempotent, bounded by its signal, and may be called
 * without what should have come before: a fresh process makes one from the journal's record alone and thaws.
 */
export interface ServiceHold {
  readonly record: HoldRecord;
  /** What of the hold makes nobody wait yet, so that only the rest of it does. */
  approach?(signal: AbortSignal): Promise<void>;
  /**
   * Resolves when writes stand still and everything acknowledged is in the files. An engine may carry out a
   * call that was aborted: such a hold settles late, after its signal has aborted, and resolves if it came
   * about all the same. Whoever gave up waiting must then thaw again.
   */
  hold(leaseMs: number, signal: AbortSignal): Promise<void>;
  /** For a hold that ends by itself: it must last this long from now on. */
  renew(leaseMs: number, signal: AbortSignal): Promise<void>;
  /** True only where it was seen, just now, that writes stand still, and have since the hold. */
  isHeld(signal: AbortSignal): Promise<boolean>;
  /** Resolves when the release was seen, or when there is nothing left that could be held. */
  thaw(signal: AbortSignal): Promise<void>;
  /**
   * `isHeld`, and at once the release, in one question, where an engine's clients wait for both. It may be asked
   * while the container is still frozen, and is answered when it is not. A `thaw` follows and sees to the rest.
   * @returns whether it was still held until then.
   */
  letGo?(signal: AbortSignal): Promise<boolean>;
  /** Gives back what it keeps open. Does not thaw. */
  close(): Promise<void>;
}

/** For calls whose end must be known, however late it comes. */
export const unending = new AbortController().signal;

/**
 * An environment variable of every process that a method starts in a container and that may hold something: a
 * fresh process ends whatever has it, and then no session of the dead one holds anything.
 */
export const holdMark = 'TACET_HOLD';
