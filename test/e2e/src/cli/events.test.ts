import { exitCodes } from '@tacet/cli';
import { Undo } from '@tacet/runtime';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type House, openHouse } from '../house.ts';
import { type How, type Spoken, tacet } from './tacet.ts';

const lines = ({ out }: Spoken): string[] => out.split('\n').filter((line) => line !== '');

describe('tacet and what happens', () => {
  const undo = new Undo();
  afterAll(() => undo[Symbol.asyncDispose]());
  let house: House;
  beforeAll(async () => {
    house = await openHouse(undo);
    // Of both guests: neither has an agent, so that each backup is made without a hold.
    await say('backup 101');
    await say('backup 102');
  });

  function say(line: string, how: How = {}): Promise<Spoken> {
    return tacet(line.split(' '), { env: { TACET_CONTROLLER: house.controller.clientFile }, ...how });
  }

  it('chooses among events by guest, type, time and count', async () => {
    const all = lines(await say('events'));
    const of101 = lines(await say('events --vmid 101'));
    expect(of101.length).toBeGreaterThan(0);
    expect(of101).toEqual(all.filter((line) => / {2}101 {2}/.test(line)));
    const ended = lines(await say('events --type operation.finished'));
    expect(ended).toHaveLength(2);
    expect(lines(await say('events --type operation.finished --limit 1'))).toEqual(ended.slice(-1));
    expect(lines(await say('events --limit 3'))).toEqual(all.slice(-3));
    expect(lines(await say('events --since 1h'))).toEqual(all);
    expect(lines(await say('events --since 2099-01-01'))).toEqual([]);
  });

  it('follows what is wanted, and nothing else', async () => {
    const interrupt = new AbortController();
    const spoken: Spoken = { code: -1, out: '', err: '' };
    const { signal } = interrupt;
    const following = say('events --follow --vmid 102 --type operation.finished --limit 1', {
      signal,
      spoken,
    });
    await expect.poll(() => lines(spoken)).toHaveLength(1);
    await say('backup 101');
    await say('backup 102');
    await expect.poll(() => lines(spoken), { timeout: 20_000 }).toHaveLength(2);
    interrupt.abort(new Error('interrupted'));
    expect((await following).code).toBe(exitCodes.interrupted);
    expect(spoken.out).not.toContain('  101  ');
  });

  it('watches: into a pipe one event a line', async () => {
    const interrupt = new AbortController();
    const spoken: Spoken = { code: -1, out: '', err: '' };
    const watching = say('watch 101', { signal: interrupt.signal, spoken });
    // It begins with now: what happens before it listens it need not say.
    await expect
      .poll(async () => (await say('backup 101'), spoken.out), { timeout: 30_000 })
      .toContain('operation.finished');
    interrupt.abort(new Error('interrupted'));
    expect((await watching).code).toBe(exitCodes.interrupted);
    expect(spoken.out).not.toContain('\u{1b}');
  });

  it('watches: on a screen guests, what runs, and as many events as there is room for', async () => {
    const interrupt = new AbortController();
    const spoken: Spoken = { code: -1, out: '', err: '' };
    const screen = { columns: 60, rows: 12 };
    const watching = say('watch', { signal: interrupt.signal, spoken, screen });
    const frames = (): string[] => spoken.out.split('\u{1b}[H').slice(1);
    await expect.poll(() => frames().length).toBeGreaterThan(0);
    await say('backup 101');
    await expect.poll(() => frames().at(-1), { timeout: 20_000 }).toContain('Nothing runs.');
    interrupt.abort(new Error('interrupted'));
    expect((await watching).code).toBe(exitCodes.interrupted);
    expect(frames().some((frame) => / backup +101 /.test(frame))).toBe(true);
    for (const frame of frames()) {
      const shown = frame.replaceAll('\u{1b}[K', '').replaceAll('\u{1b}[J', '').trimEnd().split('\n');
      expect(shown.length).toBeLessThan(screen.rows);
      expect(Math.max(...shown.map((line) => line.length))).toBeLessThanOrEqual(screen.columns);
    }
  });
});
