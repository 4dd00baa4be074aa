import { describe, expect, it } from 'vitest';
import { ForbiddenError, MissingError, TaskFailedError } from './errors.ts';
import { requireSuccess, type TaskOutcome, taskOutcome, waitForTask } from './task-outcome.ts';
import { taskLog } from './testing/recordings.ts';
import { scriptedTask, UPID } from './testing/scripted-task.ts';

function outcomeOf(scenario: string): TaskOutcome {
  const { exitstatus, lines } = taskLog(scenario);
  const task = {
    upid: UPID,
    type: 'vzdump',
    id: '201',
    startedAtMs: 0,
    status: 'stopped',
    exitstatus,
  } as const;
  return taskOutcome(
    task,
    lines.map((text, index) => ({ n: index + 1, text })),
  );
}

describe('how a task ended', () => {
  it('is good for OK and for warnings', () => {
    expect(outcomeOf('vzdump-docker-210-snapshot').status).toBe('ok');
    const warned = outcomeOf('hookfail-snapshot-201-log-end');
    expect(warned).toMatchObject({ status: 'warnings', warnings: 1 });
    expect(requireSuccess(warned)).toBe(warned);
  });

  it("is bad for 'job errors', whose cause is in the log", () => {
    const outcome = outcomeOf('hookfail-stop-201-backup-end');
    expect(outcome).toMatchObject({
      status: 'failed',
      exitstatus: 'job errors',
      errorLines: [expect.stringContaining('vzhook.sh backup-end stop 201')],
      error: expect.any(TaskFailedError),
    });
    expect(() => requireSuccess(outcome)).toThrow(/job errors.*exit code 3/);
  });

  it.each([
    ['contention-lockwait-0', "can't acquire lock '/var/run/vzdump.lock' (wait = 0)"],
    ['contention-lockwait-1-times-out', "can't acquire lock '/var/run/vzdump.lock' - got timeout"],
    ['contention-aborted-while-waiting', 'interrupted by signal'],
  ])("is bad for 'unexpected status': %s", (scenario, cause) => {
    expect(outcomeOf(scenario)).toMatchObject({
      status: 'failed',
      exitstatus: 'unexpected status',
      error: { code: 'pve-task-failed', message: expect.stringContaining(cause) },
    });
  });

  it.each([
    ['hook-unauthorized-203', '/vms/203', ['VM.Backup']],
    ['restore-authz-4-vm-backup-on-source', '/sdn/zones/localnetwork/vmbr0', ['SDN.Use']],
  ])(
    'is a missing permission, although the start was answered with 200: %s',
    (scenario, path, privileges) => {
      const outcome = outcomeOf(scenario);
      expect(outcome).toMatchObject({ status: 'failed', error: { path, privileges } });
      expect(() => requireSuccess(outcome)).toThrow(ForbiddenError);
    },
  );

  it('tells an archive that is not there', () => {
    expect(() => requireSuccess(outcomeOf('restore-304-missing-archive'))).toThrow(MissingError);
  });

  it('is bad without any status', () => {
    const task = {
      upid: UPID,
      type: 'vzdump',
      id: '',
      startedAtMs: 0,
      status: 'stopped',
      exitstatus: undefined,
    } as const;
    expect(taskOutcome(task, [])).toMatchObject({ status: 'failed', errorLines: [] });
  });
});

it('waiting for a task collects its log and shows each poll', async () => {
  const { lines } = taskLog('vzdump-docker-210-snapshot');
  const task = scriptedTask({
    lines: lines.map((text, index) => [index * 50, text] as const),
    end: [lines.length * 50 + 100, 'OK'],
  });
  const seen: string[] = [];
  const waiting = waitForTask(task, UPID, {
    signal: new AbortController().signal,
    deadlineMs: 60_000,
    clock: task.clock,
    onPoll: (poll) => seen.push(...poll.lines.map(({ text }) => text)),
  });
  const [outcome] = await Promise.all([waiting, task.clock.advance(60_000)]);
  expect(outcome.log.map(({ text }) => text)).toEqual(lines);
  expect(seen).toEqual(lines);
});
