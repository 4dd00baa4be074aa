import type { Worker } from '../tasks/task.ts';

/** The three kinds of line vzdump writes, and the bare ones that Perl's `warn` and child commands leave. */
export interface BackupLog {
  info(line: string): void;
  error(line: string): void;
  /** Turns the task's `OK` into `WARNINGS: n`. */
  warn(line: string): void;
  bare(line: string): void;
}

/** Lines go to the task's log, and with a time stamp to the log file of the guest's backup. */
export function backupLog(worker: Worker, file: string[] = []): BackupLog {
  const keep = (line: string): string => {
    file.push(`${timestamp(new Date())} ${line}`);
    return line;
  };
  return {
    info: (line) => worker.log(keep(`INFO: ${line}`)),
    error: (line) => worker.log(keep(`ERROR: ${line}`)),
    warn: (line) => worker.warn(keep(`WARN: ${line}`)),
    bare: (line) => worker.log(line),
  };
}

const pad = (value: number): string => String(value).padStart(2, '0');

/** Local time: `2026-11-22 14:10:02`. */
export function timestamp(at: Date): string {
  return `${at.getFullYear()}-${pad(at.getMonth() + 1)}-${pad(at.getDate())} ${pad(at.getHours())}:${pad(at.getMinutes())}:${pad(at.getSeconds())}`;
}

/** `2026_11_22-14_10_02`, as in the names of archives. */
export function fileTimestamp(at: Date): string {
  return timestamp(at).replaceAll(/[-:]/g, '_').replace(' ', '-');
}

/** `00:00:04`. */
export function formatDuration(seconds: number): string {
  return `${pad(Math.floor(seconds / 3600))}:${pad(Math.floor(seconds / 60) % 60)}:${pad(seconds % 60)}`;
}

/** As PVE::VZDump shows sizes: `64MB`, `1.21GB`. */
export function formatSize(bytes: number): string {
  const kilobytes = bytes / 1024;
  if (kilobytes < 1024) return `${Math.trunc(kilobytes)}KB`;
  const megabytes = kilobytes / 1024;
  if (megabytes < 1024) return `${Math.trunc(megabytes)}MB`;
  return `${(megabytes / 1024).toFixed(2)}GB`;
}

/** As tar and rsync show them: `198MiB`, `1.2GiB`. */
export function formatBinary(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${value < 10 && unit > 0 ? value.toFixed(1) : Math.round(value)}${units[unit]}`;
}

/** As rsync's `--stats -h` shows them: `191.31M`, `0`. */
export function formatRsync(bytes: number): string {
  for (const [unit, size] of [
    ['G', 1e9],
    ['M', 1e6],
    ['K', 1e3],
  ] as const) {
    if (bytes >= size) return `${(bytes / size).toFixed(2)}${unit}`;
  }
  return String(bytes);
}
