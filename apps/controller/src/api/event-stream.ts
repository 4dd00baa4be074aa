import type { StoredEvent } from '@tacet/protocol';
import { type Clock, orAborted } from '@tacet/runtime';
import type { Access } from '../access/access.ts';
import type { Principal } from '../access/principal.ts';
import type { EventLog } from '../event-log.ts';

/** Less than any proxy's idea of a connection on which nothing happens. */
const QUIET_MS = 15_000;
const BATCH = 200;

export interface EventStreamOptions {
  readonly events: EventLog;
  readonly access: Access;
  readonly clock: Clock;
  /** Whose stream it is; it ends when they may no longer be here. */
  readonly principal: Principal;
  /** The sequence number after which it begins. */
  readonly after: number;
  /** Aborts when the controller stops, or nobody listens any more. */
  readonly signal: AbortSignal;
  /** Called once, however it ends. */
  readonly onEnd: () => void;
}

/**
 * Server-sent events: each event of the log as `id:` (its sequence number) and `data:` (JSON), and a comment where
 * nothing happens for a while. Reads on only as fast as it is read.
 */
export function eventStream(options: EventStreamOptions): ReadableStream<Uint8Array> {
  const over = new AbortController();
  const signal = AbortSignal.any([options.signal, over.signal]);
  if (signal.aborted) options.onEnd();
  else signal.addEventListener('abort', options.onEnd, { once: true });
  void endWithAccess(options, signal).finally(() => over.abort());
  const encoder = new TextEncoder();
  const frames = readFrames(options, signal);

  return new ReadableStream<Uint8Array>({
    start: (controller) => {
      // How soon browsers come back; and whoever waits for the beginning of the answer gets it at once.
      controller.enqueue(encoder.encode('retry: 3000\n\n'));
    },
    pull: async (controller) => {
      const next = await frames.next();
      if (next.done !== true) {
        controller.enqueue(encoder.encode(next.value));
        return;
      }
      over.abort();
      controller.close();
    },
    cancel: () => over.abort(),
  });
}

async function* readFrames(
  { events, clock, after: first }: EventStreamOptions,
  signal: AbortSignal,
): AsyncGenerator<string, void> {
  for (let after = first; !signal.aborted;) {
    const happened = events.nextEvent(signal).then(
      () => true,
      () => false, // ended: the loop does too
    );
    const found = await events.after(after, BATCH);
    if (found.length > 0) {
      after = found.at(-1)?.sequence ?? after;
      yield found.map(frame).join('');
    } else if (!(await firstOf(happened, clock, signal)) && !signal.aborted) {
      yield ': nothing new\n\n';
    }
  }
}

/** Resolves when whose stream it is may no longer be here, or when the stream has ended. */
async function endWithAccess(
  { access, clock, principal }: EventStreamOptions,
  signal: AbortSignal,
): Promise<void> {
  try {
    while (await access.isStill(principal)) {
      await firstOf(
        access.nextChange(signal).then(
          () => true,
          () => false,
        ),
        clock,
        signal,
      );
      signal.throwIfAborted();
    }
  } catch {
    // It has ended, or nobody can tell whether it may go on: then it does not.
  }
}

/** `happened`, or false when it is still being waited for after a quiet while. */
async function firstOf(happened: Promise<boolean>, clock: Clock, signal: AbortSignal): Promise<boolean> {
  const timer = new AbortController();
  const quiet = clock.sleep(QUIET_MS, timer.signal).then(
    () => false,
    () => false, // no longer waited for
  );
  try {
    return await orAborted(Promise.race([happened, quiet]), signal);
  } catch {
    return false; // ended: whoever asks sees that by the signal
  } finally {
    timer.abort();
  }
}

function frame(event: StoredEvent): string {
  return `id: ${event.sequence}\ndata: ${JSON.stringify(event)}\n\n`;
}
