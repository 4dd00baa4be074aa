import { describe, expect, it, vi } from 'vitest';
import { DeadlineError, orAborted, runWithin, withDeadline } from './deadline.ts';
import { deferred } from './deferred.ts';
import { ManualClock } from './manual-clock.ts';

describe('withDeadline', () => {
  it('aborts in time with an error that names what took too long', async () => {
    const clock = new ManualClock();
    using deadline = withDeadline(undefined, 500, 'the checkpoint of db', clock);
    await clock.advance(499);
    expect(deadline.signal.aborted).toBe(false);
    await clock.advance(1);
    expect(deadline.signal.reason).toBeInstanceOf(DeadlineError);
    expect(deadline.signal.reason).toMatchObject({
      message: 'the checkpoint of db took longer than 500 ms',
      code: 'deadline-exceeded',
      retryable: true,
    });
  });

  it("passes the parent's own reason on", () => {
    const parent = new AbortController();
    using deadline = withDeadline(parent.signal, 500, 'x', new ManualClock());
    parent.abort('the operator cancelled');
    expect(deadline.signal.reason).toBe('the operator cancelled');
  });

  it('leaves no timer behind', () => {
    const clock = new ManualClock();
    withDeadline(undefined, 500, 'x', clock)[Symbol.dispose]();
    expect(clock.sleeping).toBe(0);
  });
});

describe('runWithin', () => {
  it('settles in time even when the work ignores its signal, and hands a late result over to be closed', async () => {
    const clock = new ManualClock();
    const work = deferred<string>();
    const onLate = vi.fn<(late: string) => void>();
    const run = runWithin(undefined, 100, 'opening the session', () => work.promise, { clock, onLate });
    await Promise.all([
      expect(run).rejects.toThrow('opening the session took longer than 100 ms'),
      clock.advance(100),
    ]);
    work.resolve('a session');
    await work.promise;
    expect(onLate).toHaveBeenCalledWith('a session');
  });

  it('returns a result that is in time and clears its timer', async () => {
    const clock = new ManualClock();
    await expect(runWithin(undefined, 100, 'x', () => Promise.resolve(7), { clock })).resolves.toBe(7);
    expect(clock.sleeping).toBe(0);
  });
});

describe('orAborted', () => {
  it('does not start to wait under a signal that has aborted', async () => {
    await expect(orAborted(Promise.resolve(1), AbortSignal.abort('over'))).rejects.toBe('over');
  });

  it('passes a failure of the work on', async () => {
    const failing = Promise.reject(new Error('no such stack'));
    await expect(orAborted(failing, new AbortController().signal)).rejects.toThrow('no such stack');
  });
});
