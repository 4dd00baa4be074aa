import { describe, expect, it } from 'vitest';
import { taskLog } from './testing/recordings.ts';
import { parseVzdumpLine, type VzdumpEvent } from './vzdump-log.ts';

const events = (scenario: string): VzdumpEvent[] =>
  taskLog(scenario).lines.flatMap((line) => parseVzdumpLine(line) ?? []);

const kinds = (scenario: string): string[] => events(scenario).map(({ kind }) => kind);

describe("a vzdump's log", () => {
  it('tells a good run in snapshot mode, where the archive line proves the snapshot', () => {
    expect(events('vzdump-docker-210-snapshot')).toEqual([
      { kind: 'job-started' },
      { kind: 'guest-started', vmid: 210, type: 'lxc' },
      { kind: 'status', status: 'running' },
      { kind: 'included', mountPoint: 'rootfs', path: '/' },
      { kind: 'mode', mode: 'snapshot' },
      { kind: 'snapshot-requested' },
      {
        kind: 'archive-started',
        path: '/var/lib/vz/dump/vzdump-lxc-210-2026_11_22-14_31_57.tar.zst',
        target: 'file',
      },
      { kind: 'total-bytes', totalBytes: 1_241_569_280 },
      { kind: 'archive-size', text: '361MB' },
      { kind: 'snapshot-removed' },
      { kind: 'guest-finished', vmid: 210, durationMs: 19_000 },
      { kind: 'job-finished', ok: true },
      { kind: 'task-finished', exitstatus: 'OK' },
    ]);
  });

  it('tells the freeze in suspend mode', () => {
    const all = kinds('vzdump-docker-210-suspend');
    expect(all.slice(all.indexOf('suspending'), all.indexOf('archive-started') + 1)).toEqual([
      'suspending',
      'resuming',
      'online',
      'archive-started',
    ]);
  });

  it('tells the freeze around the snapshot of several volumes', () => {
    const all = kinds('vzdump-snapshot-204-two-volumes-freeze');
    expect(all.slice(all.indexOf('suspending'), all.indexOf('archive-started'))).toEqual([
      'suspending',
      'snapshot-requested',
      'resuming',
      'online',
    ]);
  });

  it('tells that snapshot mode silently became suspend mode', () => {
    const fallback = events('hook-snapshot-202-fallback');
    expect(fallback).toContainEqual({ kind: 'fallback', to: 'suspend' });
    expect(fallback).toContainEqual({ kind: 'mode', mode: 'suspend' });
    expect(fallback).not.toContainEqual({ kind: 'mode', mode: 'snapshot' });
  });

  it('tells that it waits for the lock, before anything else', () => {
    expect(kinds('contention-B-202-waits').slice(0, 3)).toEqual([
      'waiting-for-lock',
      'got-lock',
      'job-started',
    ]);
  });

  it.each([
    ['contention-lockwait-0', '(wait = 0)'],
    ['contention-lockwait-1-times-out', 'got timeout'],
    ['contention-aborted-while-waiting', 'interrupted by signal'],
  ])('tells why it did not get the lock: %s', (scenario, reason) => {
    expect(events(scenario)).toContainEqual({ kind: 'lock-failed', reason });
  });

  it('tells what is left out of the archive', () => {
    expect(events('vzdump-205-bind-mount-excluded').filter(({ kind }) => kind === 'excluded')).toEqual([
      { kind: 'excluded', mountPoint: 'mp0', path: '/data', reason: 'disabled' },
      { kind: 'excluded', mountPoint: 'mp1', path: '/bind', reason: 'not a volume' },
    ]);
  });

  it('tells stop mode, and a backup that failed after its archive was complete', () => {
    expect(kinds('hookfail-stop-201-backup-end')).toEqual([
      'job-started',
      'guest-started',
      'status',
      'mode',
      'included',
      'stopping',
      'archive-started',
      'total-bytes',
      'archive-size',
      'restarting',
      'online',
      'guest-failed',
      'job-finished',
      'task-finished',
    ]);
  });

  it('tells one guest from another', () => {
    const all = events('vzdump-multi-201-205-206-one-fails');
    expect(
      all
        .filter(({ kind }) => kind.startsWith('guest-'))
        .map((event) => 'vmid' in event && [event.kind, event.vmid]),
    ).toEqual([
      ['guest-started', 203],
      ['guest-finished', 203],
      ['guest-started', 205],
      ['guest-finished', 205],
      ['guest-started', 206],
      ['guest-failed', 206],
    ]);
  });

  it('tells a missing permission and an abort', () => {
    expect(kinds('hook-unauthorized-203')).toEqual(['job-started', 'task-finished']);
    expect(events('hook-unauthorized-203').at(-1)).toEqual({
      kind: 'task-finished',
      exitstatus: '403 Permission check failed (/vms/203, VM.Backup)',
    });
    expect(kinds('vzdump-aborted-snapshot')).toContain('guest-failed');
    expect(events('hookfail-snapshot-201-log-end').slice(-2)).toEqual([
      { kind: 'job-finished', ok: true },
      { kind: 'task-finished', exitstatus: 'WARNINGS: 1' },
    ]);
  });

  it('knows the archive line of a Proxmox Backup Server', () => {
    // Words of PVE::VZDump::LXC; not in the recordings.
    const line = "INFO: creating Proxmox Backup Server archive 'ct/201/2026-11-22T14:10:02Z'";
    expect(parseVzdumpLine(line)).toEqual({
      kind: 'archive-started',
      path: 'ct/201/2026-11-22T14:10:02Z',
      target: 'pbs',
    });
  });

  it.each([
    'INFO: HOOK-STDOUT pre-stop',
    "INFO: hook says: creating vzdump archive '/x'",
    "creating vzdump archive '/x'",
    "INFO: CT Name: creating vzdump archive '/x'",
    'INFO: backup mode: bogus',
    '',
  ])('takes nothing for an event that is none: %s', (line) => {
    expect(parseVzdumpLine(line)).toBeUndefined();
  });
});
