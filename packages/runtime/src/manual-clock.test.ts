import { describe, expect, it } from 'vitest';
import { ManualClock } from './manual-clock.ts';

describe('ManualClock', () => {
  it('wakes sleepers in the order they come due, each at its own time', async () => {
    const clock = new ManualClock();
    const woken: string[] = [];
    const sleeper = async (name: string, ms: number): Promise<void> => {
      await clock.sleep(ms);
      woken.push(`${name}@${clock.monotonicMs()}`);
    };
    const all = [sleeper('late', 30), sleeper('early', 10), sleeper('late too', 30)];
    await clock.advance(29);
    expect(woken).toEqual(['early@10']);
    await clock.advance(1);
    await Promise.all(all);
    expect(woken).toEqual(['early@10', 'late@30', 'late too@30']);
  });

  it('lets a loop sleep again within one advance', async () => {
    const clock = new ManualClock();
    const ticks: number[] = [];
    const loop = async (): Promise<void> => {
      while (ticks.length < 5) {
        await clock.sleep(100);
        ticks.push(clock.monotonicMs());
      }
    };
    const done = loop();
    await clock.advance(1_000);
    await done;
    expect(ticks).toEqual([100, 200, 300, 400, 500]);
  });

  it('shows a frozen process both clocks jumping, then all due timers at once', async () => {
    const clock = new ManualClock(1_000);
    const woken: number[] = [];
    const sleeps = [100, 200].map(async (ms) => {
      await clock.sleep(ms);
      woken.push(clock.now());
    });
    await clock.freeze(10_000);
    await Promise.all(sleeps);
    expect(woken).toEqual([11_000, 11_000]);
  });

  it('forgets a cancelled sleeper', async () => {
    const clock = new ManualClock();
    const controller = new AbortController();
    const sleep = clock.sleep(10, controller.signal);
    expect(clock.sleeping).toBe(1);
    controller.abort(new Error('enough'));
    await expect(sleep).rejects.toThrow('enough');
    expect(clock.sleeping).toBe(0);
  });

  it('tells when the code under test has come to its wait', async () => {
    const clock = new ManualClock();
    const waiting = clock.whenSleeping();
    const sleep = clock.sleep(5);
    await expect(waiting).resolves.toBeUndefined();
    await clock.advance(5);
    await sleep;
  });
});
