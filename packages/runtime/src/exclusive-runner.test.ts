import { setImmediate } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { type Deferred, deferred } from './deferred.ts';
import { ExclusiveRunner } from './exclusive-runner.ts';

/** Work whose end the test decides. */
function controlled(log: string[], name: string): { work: () => Promise<string>; end: Deferred<string> } {
  const end = deferred<string>();
  const work = async (): Promise<string> => {
    log.push(`${name} starts`);
    const result = await end.promise;
    log.push(`${name} ends`);
    return result;
  };
  return { work, end };
}

describe('ExclusiveRunner', () => {
  it('runs the work of one stack one after the other, in order, and other stacks beside it', async () => {
    const runner = new ExclusiveRunner();
    const log: string[] = [];
    const [first, second, other] = ['first', 'second', 'other'].map((name) => controlled(log, name));
    const runs = [
      runner.run('shop', first!.work),
      runner.run('shop', second!.work),
      runner.run('blog', other!.work),
    ];
    await setImmediate();
    expect(log).toEqual(['first starts', 'other starts']);
    for (const { end } of [first!, second!, other!]) end.resolve('ok');
    await Promise.all(runs);
    expect(log.indexOf('first ends')).toBeLessThan(log.indexOf('second starts'));
    expect(runner.isBusy('shop')).toBe(false);
  });

  it('never starts what was cancelled in the queue, and keeps the rest of the queue behind the running work', async () => {
    const runner = new ExclusiveRunner();
    const log: string[] = [];
    const running = controlled(log, 'running');
    const third = controlled(log, 'third');
    const cancel = new AbortController();
    const runs = [runner.run('shop', running.work)];
    const cancelled = runner.run('shop', controlled(log, 'cancelled').work, cancel.signal);
    runs.push(runner.run('shop', third.work));
    cancel.abort('not needed');
    await expect(cancelled).rejects.toBe('not needed');
    await setImmediate();
    expect(log).toEqual(['running starts']);
    running.end.resolve('ok');
    third.end.resolve('ok');
    await Promise.all(runs);
    expect(log).toEqual(['running starts', 'running ends', 'third starts', 'third ends']);
  });

  it('keeps the key taken while cancelled work cleans up', async () => {
    const runner = new ExclusiveRunner();
    const log: string[] = [];
    const cleanedUp = deferred();
    const cancel = new AbortController();
    const cancelled = runner.run(
      'shop',
      async (signal) => {
        await cleanedUp.promise;
        log.push(`cleaned up, aborted: ${signal.aborted}`);
      },
      cancel.signal,
    );
    const next = runner.run('shop', async () => {
      log.push('next');
    });
    await setImmediate();
    cancel.abort();
    await setImmediate();
    expect(log).toEqual([]);
    cleanedUp.resolve();
    await Promise.all([cancelled, next]);
    expect(log).toEqual(['cleaned up, aborted: true', 'next']);
  });

  it('goes on after a failure', async () => {
    const runner = new ExclusiveRunner();
    const failing = runner.run('shop', () => Promise.reject(new Error('broken')));
    const next = runner.run('shop', () => Promise.resolve('fine'));
    await expect(failing).rejects.toThrow('broken');
    await expect(next).resolves.toBe('fine');
  });

  it('closes: aborts what runs, turns away what waits or comes, settles when all have ended', async () => {
    const runner = new ExclusiveRunner();
    const cleanedUp = deferred();
    const running = runner.run('shop', async (signal) => {
      await cleanedUp.promise;
      return signal.aborted;
    });
    const waiting = runner.run('shop', () => Promise.resolve());
    let closed = false;
    const closing = runner.close().then(() => (closed = true));
    await expect(waiting).rejects.toMatchObject({ code: 'closed' });
    await expect(runner.run('blog', () => Promise.resolve())).rejects.toMatchObject({ code: 'closed' });
    expect(closed).toBe(false);
    cleanedUp.resolve();
    await closing;
    await expect(running).resolves.toBe(true);
  });
});
