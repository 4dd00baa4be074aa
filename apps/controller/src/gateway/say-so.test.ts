import { ManualClock, silentLogger } from '@tacet/runtime';
import { beforeEach, describe, expect, it } from 'vitest';
import { EventLog } from '../event-log.ts';
import { openStore, type Store } from '../store/open-store.ts';
import { SaySo } from './say-so.ts';

describe('what is stored on the say-so of guests', () => {
  let clock: ManualClock;
  let store: Store;
  let events: EventLog;
  let saySo: SaySo;
  let count: number;

  beforeEach(async () => {
    clock = new ManualClock();
    store = await openStore(':memory:');
    events = new EventLog({ events: store.events, clock, log: silentLogger });
    saySo = new SaySo({ events, clock });
    count = 0;
    return () => store[Symbol.asyncDispose]();
  });

  const say = (holder: string, bytes = 100): Promise<void> =>
    saySo.record(holder, bytes, { guestId: holder, vmid: 101 }, async () => void (count += 1));
  const notices = async (): Promise<number> =>
    (await store.events.after(0, 1_000)).filter(({ type }) => type === 'session.throttled').length;

  it('has an end for each credential, which is told once, and costs nobody else anything', async () => {
    for (let time = 0; time < 6_000; time += 1) await say('noisy');
    expect(count).toBe(5_000);
    expect(await notices()).toBe(1);
    await say('quiet');
    expect(count).toBe(5_001);
  });

  it('counts by size as well', async () => {
    for (let time = 0; time < 20; time += 1) await say('noisy', 1024 * 1024);
    expect(count).toBe(4);
  });

  it('comes back with time, and a second flood is told again', async () => {
    for (let time = 0; time < 5_001; time += 1) await say('noisy');
    await clock.advance(60_000);
    for (let time = 0; time < 100; time += 1) await say('noisy');
    expect(count).toBe(5_060);
    expect(await notices()).toBe(1);
    await clock.advance(3_600_000);
    for (let time = 0; time < 4_000; time += 1) await say('noisy');
    expect(await notices()).toBe(2);
  });
});
