import { DeadlineError } from '@tacet/runtime';
import { describe, expect, it } from 'vitest';
import { ForbiddenError, MissingError, ServerError, UnauthorizedError, UnreachableError } from './errors.ts';
import { followTask, type FollowOptions, type TaskPoll } from './follow-task.ts';
import { scriptedTask, type TaskScript, UPID } from './testing/scripted-task.ts';

interface Followed {
  polls: TaskPoll[];
  texts: string[];
  task: ReturnType<typeof scriptedTask>;
  pollErrors: Error[];
}

/** Follows the scripted task to its end while the clock runs for a minute. */
async function follow(script: TaskScript, options: Partial<FollowOptions> = {}): Promise<Followed> {
  const task = scriptedTask(script);
  const polls: TaskPoll[] = [];
  const pollErrors: Error[] = [];
  const run = async (): Promise<void> => {
    const following = followTask(task, UPID, {
      signal: new AbortController().signal,
      deadlineMs: 50_000,
      pollMs: 100,
      clock: task.clock,
      onPollError: (error) => pollErrors.push(error),
      ...options,
    });
    for await (const poll of following) polls.push(poll);
  };
  await Promise.all([run(), task.clock.advance(60_000)]);
  const texts = polls.flatMap(({ lines }) => lines.map(({ text }) => text));
  return { polls, texts, task, pollErrors };
}

const GOOD: TaskScript = {
  lines: [
    [250, 'INFO: starting new backup job: vzdump 201'],
    [260, "INFO: create storage snapshot 'vzdump'"],
    [420, "INFO: creating vzdump archive '/var/lib/vz/dump/a.tar.zst'"],
    [900, 'INFO: Backup job finished successfully'],
    [950, 'TASK OK'],
  ],
  end: [1_070, 'OK'],
};

describe('following a task', () => {
  it('shows every line once and in order, and ends when the task has, not when its log has', async () => {
    const { texts, polls, task } = await follow(GOOD);
    expect(texts).toEqual(GOOD.lines.map(([, text]) => text));
    expect(polls.at(-1)?.status).toMatchObject({ status: 'stopped', exitstatus: 'OK' });
    expect(polls.slice(0, -1).every(({ status }) => status === undefined)).toBe(true);
    expect(task.requests.at(-1)?.atMs).toBe(1_100);
  });

  it('yields the polls that saw nothing new, each with the time it was sent and answered', async () => {
    const { polls } = await follow({ ...GOOD, latencyMs: 20 });
    const quiet = polls.filter(({ lines }) => lines.length === 0);
    expect(quiet.length).toBeGreaterThan(3);
    for (const { sentAtMs, receivedAtMs } of polls) expect(receivedAtMs - sentAtMs).toBe(20);
  });

  it('never shows a line in a poll that was answered before the line was written, nor misses one that was written before it was sent', async () => {
    const { polls } = await follow({ ...GOOD, latencyMs: 60 });
    for (const [atMs, text] of GOOD.lines) {
      const shownIn = polls.find(({ lines }) => lines.some((line) => line.text === text));
      const firstSentAfter = polls.find(({ sentAtMs }) => sentAtMs >= atMs);
      expect(shownIn?.receivedAtMs).toBeGreaterThan(atMs);
      expect(shownIn?.sentAtMs).toBeLessThanOrEqual(firstSentAfter?.sentAtMs ?? -1);
    }
  });

  it('does not poll on before its consumer has dealt with a poll', async () => {
    const task = scriptedTask(GOOD);
    const { signal } = new AbortController();
    const following = followTask(task, UPID, { signal, deadlineMs: 50_000, clock: task.clock });
    await following.next();
    await task.clock.advance(10_000);
    expect(task.requests).toHaveLength(1);
    await following.return();
    expect(task.clock.sleeping).toBe(0);
  });

  it('notices the end of a killed worker, which leaves no TASK line', async () => {
    const { texts, polls } = await follow({ lines: [[0, 'INFO: a']], end: [400, 'unexpected status'] });
    expect(texts).toEqual(['INFO: a']);
    expect(polls.at(-1)?.status?.exitstatus).toBe('unexpected status');
  });

  it('reads what was logged between its last look and the end', async () => {
    const script: TaskScript = {
      lines: [
        [0, 'INFO: a'],
        [150, 'ERROR: b'],
      ],
      end: [150, 'job errors'],
      latencyMs: 80,
    };
    expect((await follow(script)).texts).toEqual(['INFO: a', 'ERROR: b']);
  });

  it('reads a log that is longer than a page', async () => {
    const lines = Array.from({ length: 2_500 }, (_, n) => [0, `INFO: ${n}`] as const);
    const { polls } = await follow({ lines, end: [150, 'OK'] });
    expect(polls[0]?.lines.map(({ n }) => n)).toEqual(lines.map((_, index) => index + 1));
  });

  it('asks each time how long to wait', async () => {
    const waits = [10, 400];
    const { task } = await follow(GOOD, { pollMs: () => waits.shift() ?? 1_000 });
    const polledAtMs = task.requests.filter(({ what }) => what === 'log').map(({ atMs }) => atMs);
    expect(polledAtMs.slice(0, 4)).toEqual([0, 10, 410, 1_410]);
  });
});

describe('polls that fail', () => {
  it.each([
    new UnreachableError('connection refused'),
    new ServerError('bad gateway', 502),
    new ServerError('internal error', 500),
  ])('are tried again while that may pass: $message', async (error) => {
    const { texts, pollErrors } = await follow({
      ...GOOD,
      failure: (nowMs) => (nowMs >= 200 && nowMs < 700 ? error : undefined),
    });
    expect(texts).toEqual(GOOD.lines.map(([, text]) => text));
    expect(new Set(pollErrors)).toEqual(new Set([error]));
    expect(pollErrors.length).toBeGreaterThan(3);
  });

  it('end it at once where trying again is no use', async () => {
    const forbidden = new ForbiddenError('permission check failed');
    const task = scriptedTask({ lines: [], failure: () => forbidden });
    const { signal } = new AbortController();
    const following = followTask(task, UPID, { signal, deadlineMs: 50_000, clock: task.clock });
    await expect(following.next()).rejects.toBe(forbidden);
  });

  it('do not end it where the caller knows that they may pass: it asks again, ever more rarely', async () => {
    const task = scriptedTask({
      lines: [[0, 'TASK OK']],
      end: [0, 'OK'],
      failure: (nowMs) => (nowMs < 300_000 ? new UnauthorizedError('no ticket') : undefined),
    });
    const { signal } = new AbortController();
    const following = followTask(task, UPID, {
      signal,
      deadlineMs: 900_000,
      clock: task.clock,
      mayPass: (error) => error instanceof UnauthorizedError,
    });
    const first = following.next();
    for (let i = 0; i < 60; i++) await task.clock.advance(10_000);
    expect((await first).value).toMatchObject({ lines: [{ text: 'TASK OK' }] });
    expect(task.requests.length).toBeLessThan(30);
    await following.return();
  });

  it('end it at its deadline', async () => {
    const script: TaskScript = { lines: [], failure: () => new UnreachableError('gone') };
    const task = scriptedTask(script);
    const { signal } = new AbortController();
    const following = followTask(task, UPID, { signal, deadlineMs: 3_000, clock: task.clock });
    await Promise.all([
      expect(following.next()).rejects.toBeInstanceOf(DeadlineError),
      task.clock.advance(3_000),
    ]);
    expect(task.clock.sleeping).toBe(0);
  });
});

describe('a log that cannot be read', () => {
  const unreadable = new MissingError('unable to open file - No such file or directory');

  it('makes no poll that could pass for one without new lines', async () => {
    const { polls, texts } = await follow({
      ...GOOD,
      failure: (nowMs, what) => (what === 'log' && nowMs < 600 ? unreadable : undefined),
    });
    expect(polls[0]?.sentAtMs).toBe(600);
    expect(texts).toEqual(GOOD.lines.map(([, text]) => text));
  });

  it('does not keep a task from having ended', async () => {
    const { polls } = await follow({
      ...GOOD,
      failure: (_nowMs, what) => (what === 'log' ? unreadable : undefined),
    });
    expect(polls).toEqual([
      expect.objectContaining({ lines: [], status: expect.objectContaining({ exitstatus: 'OK' }) }),
    ]);
  });
});

it('following stops with the reason of its caller', async () => {
  const cancel = new AbortController();
  const task = scriptedTask({ lines: [] });
  const following = followTask(task, UPID, {
    signal: cancel.signal,
    deadlineMs: 50_000,
    clock: task.clock,
  });
  await following.next();
  const next = following.next();
  await task.clock.whenSleeping(2);
  cancel.abort('controller is shutting down');
  await expect(next).rejects.toBe('controller is shutting down');
});
