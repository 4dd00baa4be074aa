import type { StoredEvent } from '@tacet/protocol';
import { type Clock, systemClock } from '@tacet/runtime';
import { describe, expect, it } from 'vitest';
import { refused, unreachable } from './cli-error.ts';
import type { Context } from './context.ts';
import type { ControllerApi } from './controller-api.ts';
import { liveEvents } from './live-events.ts';

type Attempt = (after: number, onOpen: () => void, pass: (ms: number) => void) => Iterable<StoredEvent>;

const event = (sequence: number): StoredEvent => ({
  sequence,
  at: 0,
  type: 'session.opened',
  message: '',
  data: {},
  guestId: null,
  vmid: null,
});
const away = (): never => {
  throw unreachable('https://controller', undefined);
};

/** What is seen while each connection goes as it is told, and each after the last as the last. */
async function watch(
  ...attempts: [Attempt, ...Attempt[]]
): Promise<{ seen: number[]; tookMs: number; end: unknown }> {
  let nowMs = 0;
  let count = 0;
  const seen: number[] = [];
  const pass = (ms: number): void => {
    nowMs += ms;
  };
  const clock: Clock = {
    ...systemClock,
    monotonicMs: () => nowMs,
    sleep: (ms) => {
      nowMs += ms;
      return Promise.resolve();
    },
  };
  const api: Pick<ControllerApi, 'stream'> = {
    async *stream(schema, path, _signal, onOpen) {
      const attempt = attempts[count] ?? attempts.at(-1) ?? away;
      count += 1;
      const after = Number(new URL(path, 'https://localhost').searchParams.get('after'));
      for (const one of attempt(after, onOpen, pass)) yield schema.parse(one);
    },
  };
  const { signal } = new AbortController();
  const context = {
    api: api as ControllerApi,
    json: true,
    clock,
    signal,
    print: away,
    note: away,
  } satisfies Context;
  try {
    for await (const { sequence } of liveEvents(7, context)) seen.push(sequence);
    throw new Error('it ended');
  } catch (end) {
    return { seen, tookMs: nowMs, end };
  }
}

describe('what happens, live', () => {
  it('goes on where it was when the controller is back', async () => {
    const { seen } = await watch(
      function* (after, onOpen) {
        onOpen();
        yield event(after + 1);
        away();
      },
      away,
      function* (after, onOpen) {
        onOpen();
        yield event(after + 1);
      },
      away,
    );
    expect(seen).toEqual([8, 9]);
  });

  it('ends when it stays away for half a minute, however long it was quiet before', async () => {
    const quietMs = 600_000;
    const { end, tookMs } = await watch((_, onOpen, passed) => {
      onOpen();
      passed(quietMs);
      return away();
    }, away);
    expect(end).toMatchObject({ code: 'controller-unreachable' });
    expect(tookMs - quietMs).toBeGreaterThan(30_000);
    expect(tookMs - quietMs).toBeLessThan(40_000);
  });

  it('ends at once when whoever watches may no longer be there', async () => {
    const { end, tookMs } = await watch(() => {
      throw refused({ type: '', title: '', status: 401, detail: 'no', code: 'unauthorized' });
    });
    expect(end).toMatchObject({ code: 'unauthorized' });
    expect(tookMs).toBe(0);
  });
});
