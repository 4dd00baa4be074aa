import type { BackupMode, GuestPhase } from './hook-request.ts';

/**
 * What a phase of vzdump is the moment for:
 *
 * - `begin`: vzdump turns to this guest; nothing is asked of it yet
 * - `prepare`, `hold`, `thaw`: as everywhere
 * - `flush`: prepare only, and let go at once
 * - `judge`: the archive is complete
 * - `end`: whatever is still held is thawed; without an archive the backup has failed
 * - `nothing`
 */
export type HookAction = 'begin' | 'prepare' | 'hold' | 'flush' | 'thaw' | 'judge' | 'end' | 'nothing';

/**
 * Snapshot mode: `pre-stop` and `pre-restart` stand around the snapshot.
 *
 * Suspend mode: the guest is frozen between `pre-stop` and after `pre-restart`, where its agent hears nothing. It is
 * prepared no earlier than it is held, because between the two first phases lies an rsync of any length.
 *
 * Stop mode: what is held could not end by itself, so nothing is. `pre-stop` is called for a guest that runs.
 */
const actions: Readonly<Record<BackupMode, Readonly<Record<GuestPhase, HookAction>>>> = {
  snapshot: {
    'backup-start': 'prepare',
    'pre-stop': 'hold',
    'pre-restart': 'thaw',
    'post-restart': 'thaw',
    'backup-end': 'judge',
    'backup-abort': 'end',
    'log-end': 'end',
  },
  suspend: {
    'backup-start': 'begin',
    'pre-stop': 'hold',
    'pre-restart': 'nothing',
    'post-restart': 'thaw',
    'backup-end': 'judge',
    'backup-abort': 'end',
    'log-end': 'end',
  },
  stop: {
    'backup-start': 'begin',
    'pre-stop': 'flush',
    'pre-restart': 'nothing',
    'post-restart': 'nothing',
    'backup-end': 'judge',
    'backup-abort': 'end',
    'log-end': 'end',
  },
};

export function actionOf({ phase, mode }: { phase: GuestPhase; mode: BackupMode }): HookAction {
  return actions[mode][phase];
}
