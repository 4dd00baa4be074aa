import { describe, expect, it } from 'vitest';
import { DeadlineError } from './deadline.ts';
import { ManualClock } from './manual-clock.ts';
import { backoff, retry, type RetryOptions } from './retry.ts';

const options = (clock: ManualClock, more: Partial<RetryOptions> = {}): RetryOptions => ({
  what: 'reaching the node',
  signal: new AbortController().signal,
  clock,
  random: () => 1,
  baseMs: 100,
  capMs: 400,
  retryable: () => true,
  ...more,
});

const refuse = (_: AbortSignal, attempt: number): Promise<never> =>
  Promise.reject(new Error(`refused ${attempt}`));

describe('backoff', () => {
  it('doubles up to its cap', () => {
    const delays = backoff({ baseMs: 100, capMs: 350, random: () => 1 });
    expect(Array.from({ length: 4 }, () => delays.next().value)).toEqual([100, 200, 350, 350]);
  });

  it('jitters over the whole range', () => {
    expect(backoff({ baseMs: 100, capMs: 350, random: () => 0.25 }).next().value).toBe(25);
  });
});

describe('retry', () => {
  it('tries again after each delay until it succeeds', async () => {
    const clock = new ManualClock();
    const triedAtMs: number[] = [];
    const result = retry((_signal, attempt) => {
      triedAtMs.push(clock.monotonicMs());
      return attempt < 4 ? Promise.reject(new Error('refused')) : Promise.resolve('connected');
    }, options(clock));
    await clock.advance(1_000);
    await expect(result).resolves.toBe('connected');
    expect(triedAtMs).toEqual([0, 100, 300, 700]);
  });

  it('gives up at once on what cannot succeed later', async () => {
    const forbidden = new Error('forbidden');
    const tried = retry(
      () => Promise.reject(forbidden),
      options(new ManualClock(), { retryable: () => false }),
    );
    await expect(tried).rejects.toBe(forbidden);
  });

  it('throws the last error itself when its attempts are used up', async () => {
    const clock = new ManualClock();
    await Promise.all([
      expect(retry(refuse, options(clock, { attempts: 3 }))).rejects.toThrow('refused 3'),
      clock.advance(1_000),
    ]);
    expect(clock.sleeping).toBe(0);
  });

  it('names its deadline and keeps the last error as the cause', async () => {
    const clock = new ManualClock();
    const refused = new Error('refused');
    const failed = retry(() => Promise.reject(refused), options(clock, { deadlineMs: 250 })).catch(
      (error: unknown) => error,
    );
    await clock.advance(250);
    const error = await failed;
    expect(error).toBeInstanceOf(DeadlineError);
    expect(error).toMatchObject({ message: 'reaching the node took longer than 250 ms', cause: refused });
  });

  it('stops waiting when it is cancelled', async () => {
    const clock = new ManualClock();
    const controller = new AbortController();
    const cancelWhileWaiting = async (): Promise<void> => {
      await clock.whenSleeping();
      controller.abort('bye');
    };
    await Promise.all([
      expect(retry(refuse, options(clock, { signal: controller.signal }))).rejects.toBe('bye'),
      cancelWhileWaiting(),
    ]);
  });
});
