import type { StoredEvent } from '@tacet/protocol';
import { systemClock } from '@tacet/runtime';
import { describe, expect, it } from 'vitest';
import type { Context } from '../context.ts';
import type { ControllerApi } from '../controller-api.ts';
import { type EventOptions, showEvents } from './events.ts';

/** Of a log whose oldest events are gone. */
const log: StoredEvent[] = Array.from({ length: 4_500 }, (_, index) => ({
  sequence: index + 1_001,
  at: index * 1_000,
  type: 'session.opened',
  message: `event ${index + 1_001}`,
  data: {},
  guestId: null,
  vmid: index % 1_500 === 0 ? 101 : 102,
}));

/** What `tacet events` prints of it, and how often it asked. */
async function show(options: Partial<EventOptions>): Promise<{ sequences: number[]; asked: number }> {
  let asked = 0;
  const sequences: number[] = [];
  const api: Pick<ControllerApi, 'get'> = {
    get: (schema, path) => {
      asked += 1;
      const query = new URL(path, 'https://localhost').searchParams;
      const limit = Number(query.get('limit'));
      const after = Number(query.get('after') ?? 5_500 - limit);
      const events = log.filter(({ sequence }) => sequence > after).slice(0, limit);
      return Promise.resolve(schema.parse({ events, next: events.at(-1)?.sequence ?? after }));
    },
  };
  const context: Context = {
    api: api as ControllerApi,
    json: true,
    print: (line) => sequences.push((JSON.parse(line) as StoredEvent).sequence),
    note: () => undefined,
    clock: { ...systemClock, now: () => 4_500_000 },
    signal: new AbortController().signal,
  };
  await showEvents({ limit: 100, ...options }, context);
  return { sequences, asked };
}

describe('events that are wanted', () => {
  it('are looked for back to the oldest, and each is shown once', async () => {
    expect(await show({ vmid: 101 })).toMatchObject({ sequences: [1_001, 2_501, 4_001] });
  });

  it('are not looked for when there are enough', async () => {
    expect(await show({ vmid: 101, limit: 1 })).toEqual({ sequences: [4_001], asked: 2 });
    const { sequences, asked } = await show({ limit: 3 });
    expect({ sequences, asked }).toEqual({ sequences: [5_498, 5_499, 5_500], asked: 1 });
  });

  it('are those since then', async () => {
    const { sequences } = await show({ since: { agoMs: 2_500_000 }, vmid: 101 });
    expect(sequences).toEqual([4_001]);
  });

  it('may be more than one page', async () => {
    expect((await show({ limit: 2_100 })).sequences).toEqual(
      log.slice(-2_100).map(({ sequence }) => sequence),
    );
  });
});
