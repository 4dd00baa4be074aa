// Numbers, as people read them. Times are those of the reader's own place.

/** `412 ms`, `27.3 s`, `4 min`, `3 h` */
export function durationOf(ms: number): string {
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  if (ms < 120_000) return `${(ms / 1_000).toFixed(1)} s`;
  if (ms < 7_200_000) return `${Math.round(ms / 60_000)} min`;
  return `${Math.round(ms / 3_600_000)} h`;
}

/** How long ago, coarse enough that it need not tick: `just now`, `4 min`, `3 h`, `2 d`. */
export function ageOf(at: number, now: number): string {
  const ms = Math.max(0, now - at);
  if (ms < 60_000) return 'just now';
  if (ms < 3_600_000) return `${Math.floor(ms / 60_000)} min`;
  if (ms < 48 * 3_600_000) return `${Math.floor(ms / 3_600_000)} h`;
  return `${Math.floor(ms / 86_400_000)} d`;
}

/** The same as part of a sentence: `just now`, `4 min ago`. */
export function agoOf(at: number, now: number): string {
  const age = ageOf(at, now);
  return age === 'just now' ? age : `${age} ago`;
}

/** `934 MB` */
export function bytesOf(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  const power = bytes < 1_000 ? 0 : Math.min(units.length - 1, Math.floor(Math.log10(bytes) / 3));
  const value = bytes / 1_000 ** power;
  return `${power === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${units[power]}`;
}

/** `17:51:29` */
export function timeOf(at: number): string {
  const date = new Date(at);
  return [date.getHours(), date.getMinutes(), date.getSeconds()].map(two).join(':');
}

/** `17:51:29.120` */
export function preciseTimeOf(at: number): string {
  return `${timeOf(at)}.${String(new Date(at).getMilliseconds()).padStart(3, '0')}`;
}

/** `2026-11-22 17:51` */
export function dateTimeOf(at: number): string {
  const date = new Date(at);
  const day = [date.getFullYear(), two(date.getMonth() + 1), two(date.getDate())].join('-');
  return `${day} ${timeOf(at).slice(0, 5)}`;
}

export function plural(count: number, word: string): string {
  return `${count} ${word}${count === 1 ? '' : 's'}`;
}

function two(value: number): string {
  return String(value).padStart(2, '0');
}
