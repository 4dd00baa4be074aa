import { type VzdumpMode, vzdumpModeSchema } from './vzdump.ts';

/**
 * What a line of a vzdump task's log says, as far as Tacet cares. Words as of Proxmox VE 9.2 (PVE::VZDump,
 * PVE::VZDump::LXC); the order in which they come is in the comments.
 */
export type VzdumpEvent =
  // Another vzdump holds the node's one lock. Up to 180 minutes may pass before the next line.
  | { readonly kind: 'waiting-for-lock' }
  | { readonly kind: 'got-lock' }
  | { readonly kind: 'lock-failed'; readonly reason: string }
  | { readonly kind: 'job-started' }
  | { readonly kind: 'guest-started'; readonly vmid: number; readonly type: 'lxc' | 'qemu' }
  | { readonly kind: 'status'; readonly status: string }
  | { readonly kind: 'included'; readonly mountPoint: string; readonly path: string }
  | {
      readonly kind: 'excluded';
      readonly mountPoint: string;
      readonly path: string;
      readonly reason: string;
    }
  // Snapshot mode was asked for and cannot be had; `mode` says `suspend` a moment later.
  | { readonly kind: 'fallback'; readonly to: VzdumpMode }
  // The guest's hook phase `backup-start` comes right after it.
  | { readonly kind: 'mode'; readonly mode: VzdumpMode }
  | { readonly kind: 'snapshot-requested' }
  // Suspend mode, and snapshot mode over several volumes: the guest is frozen from here …
  | { readonly kind: 'suspending' }
  // … to here.
  | { readonly kind: 'resuming' }
  // Stop mode.
  | { readonly kind: 'stopping' }
  | { readonly kind: 'restarting' }
  | { readonly kind: 'online' }
  // In snapshot mode the first proof that the snapshot exists.
  | { readonly kind: 'archive-started'; readonly path: string; readonly target: 'file' | 'pbs' }
  | { readonly kind: 'total-bytes'; readonly totalBytes: number }
  | { readonly kind: 'archive-size'; readonly text: string }
  | { readonly kind: 'snapshot-removed' }
  | { readonly kind: 'guest-finished'; readonly vmid: number; readonly durationMs: number }
  | { readonly kind: 'guest-failed'; readonly vmid: number; readonly reason: string }
  | { readonly kind: 'job-finished'; readonly ok: boolean }
  | { readonly kind: 'warning'; readonly text: string }
  | { readonly kind: 'task-finished'; readonly exitstatus: string };

type Words = (string | undefined)[];
type Rule = readonly [RegExp, (words: Words) => VzdumpEvent | undefined];

const always =
  (event: VzdumpEvent): Rule[1] =>
  () =>
    event;

const RULES: readonly Rule[] = [
  [/^INFO: trying to get global lock - waiting/, always({ kind: 'waiting-for-lock' })],
  [/^INFO: got global lock$/, always({ kind: 'got-lock' })],
  [/^ERROR: can't acquire lock '[^']*' ?-? ?(.*)$/, ([reason = '']) => ({ kind: 'lock-failed', reason })],
  [/^INFO: starting new backup job: /, always({ kind: 'job-started' })],
  [
    /^INFO: Starting Backup of VM (\d+) \((lxc|qemu)\)$/,
    ([vmid, type]) => ({ kind: 'guest-started', vmid: Number(vmid), type: type === 'lxc' ? 'lxc' : 'qemu' }),
  ],
  [/^INFO: status = (\w+)$/, ([status = '']) => ({ kind: 'status', status })],
  [
    /^INFO: including mount point (\w+) \('(.*)'\) in backup$/,
    ([mountPoint = '', path = '']) => ({ kind: 'included', mountPoint, path }),
  ],
  [
    /^INFO: excluding \w+ mount point (\w+) \('(.*)'\) from backup \((.*)\)$/,
    ([mountPoint = '', path = '', reason = '']) => ({ kind: 'excluded', mountPoint, path, reason }),
  ],
  [/^INFO: trying '(\w+)' mode instead$/, ([word]) => withMode(word, (to) => ({ kind: 'fallback', to }))],
  [/^INFO: backup mode: (\w+)$/, ([word]) => withMode(word, (mode) => ({ kind: 'mode', mode }))],
  [/^INFO: create storage snapshot 'vzdump'$/, always({ kind: 'snapshot-requested' })],
  [/^INFO: (?:suspending guest|suspend vm to make snapshot)$/, always({ kind: 'suspending' })],
  [/^INFO: (?:resuming guest|resume vm)$/, always({ kind: 'resuming' })],
  [/^INFO: stopping virtual guest$/, always({ kind: 'stopping' })],
  [/^INFO: restarting vm$/, always({ kind: 'restarting' })],
  [/^INFO: guest is online again after /, always({ kind: 'online' })],
  [
    /^INFO: creating vzdump archive '(.+)'$/,
    ([path = '']) => ({ kind: 'archive-started', path, target: 'file' }),
  ],
  [
    /^INFO: creating Proxmox Backup Server archive '(.+)'$/,
    ([path = '']) => ({ kind: 'archive-started', path, target: 'pbs' }),
  ],
  [/^INFO: Total bytes written: (\d+)/, ([bytes]) => ({ kind: 'total-bytes', totalBytes: Number(bytes) })],
  [/^INFO: archive file size: (.+)$/, ([text = '']) => ({ kind: 'archive-size', text })],
  [/^INFO: cleanup temporary 'vzdump' snapshot$/, always({ kind: 'snapshot-removed' })],
  [
    /^INFO: Finished Backup of VM (\d+) \((\d+):(\d\d):(\d\d)\)$/,
    ([vmid, hours, minutes, seconds]) => ({
      kind: 'guest-finished',
      vmid: Number(vmid),
      durationMs: ((Number(hours) * 60 + Number(minutes)) * 60 + Number(seconds)) * 1_000,
    }),
  ],
  [
    /^ERROR: Backup of VM (\d+) failed - (.*)$/,
    ([vmid, reason = '']) => ({ kind: 'guest-failed', vmid: Number(vmid), reason }),
  ],
  [/^INFO: Backup job finished successfully$/, always({ kind: 'job-finished', ok: true })],
  [/^INFO: Backup job finished with errors$/, always({ kind: 'job-finished', ok: false })],
  [/^WARN: (.*)$/, ([text = '']) => ({ kind: 'warning', text })],
  [
    /^TASK (?:(OK)|(WARNINGS: \d+)|ERROR: (.*))$/,
    ([ok, warnings, error = '']) => ({ kind: 'task-finished', exitstatus: ok ?? warnings ?? error }),
  ],
];

/** Undefined for a line that says nothing of interest; a hook script's own output comes as `INFO:` too. */
export function parseVzdumpLine(text: string): VzdumpEvent | undefined {
  for (const [pattern, toEvent] of RULES) {
    const match = pattern.exec(text);
    if (match !== null) return toEvent(match.slice(1));
  }
  return undefined;
}

function withMode(
  word: string | undefined,
  event: (mode: VzdumpMode) => VzdumpEvent,
): VzdumpEvent | undefined {
  const mode = vzdumpModeSchema.safeParse(word);
  return mode.success ? event(mode.data) : undefined;
}
