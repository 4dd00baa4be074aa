import { describe, expect, it } from 'vitest';
import { serverSentEvents } from './server-sent-events.ts';

async function eventsOf(...chunks: string[]): Promise<string[]> {
  async function* arriving(): AsyncIterable<string> {
    yield* chunks;
  }
  const events: string[] = [];
  for await (const event of serverSentEvents(arriving())) events.push(event);
  return events;
}

describe('server-sent events', () => {
  it('come whole, however they arrive', async () => {
    const text = 'retry: 3000\n\n: nothing new\n\nid: 1\ndata: {"a":1}\n\nid: 2\ndata:two\ndata: lines\n\n';
    const expected = ['{"a":1}', 'two\nlines'];
    expect(await eventsOf(text)).toEqual(expected);
    expect(await eventsOf(...text.split(''))).toEqual(expected);
  });

  it('that were cut off did not come', async () => {
    expect(await eventsOf('data: 1\n\ndata: 2\n')).toEqual(['1']);
  });
});
