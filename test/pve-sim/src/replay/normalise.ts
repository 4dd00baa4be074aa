/**
 * What differs between two runs of the same thing is blanked; every other character must be the same.
 */
const BLANKED: readonly (readonly [RegExp, string])[] = [
  [/\d{4}_\d\d_\d\d-\d\d_\d\d_\d\d/g, 'TIME'],
  [/\d{4}-\d\d-\d\d \d\d:\d\d:\d\d/g, 'TIME'],
  [/\(\d\d:\d\d:\d\d\)/g, '(TOOK)'],
  [/\/proc\/\d+\//g, '/proc/PID/'],
  [/transferred [\d.]+[KMGT]? bytes in \d+s/g, 'transferred N bytes in Ns'],
  [/Total bytes (written|read): \d+ \([\d.]+[KMGT]?i?B, [\d.]+[KMGT]?i?B\/s\)/g, 'Total bytes $1: N'],
  [/archive file size: [\d.]+[KMGT]B/g, 'archive file size: N'],
  [/online again after (<1|\d+) seconds/g, 'online again after N seconds'],
  [/(write failed on "[^"]*\.tmp)[^"]*"/g, '$1/FILE"'],
  [/Filesystem UUID: [\da-f-]{36}/g, 'Filesystem UUID: UUID'],
  [/UPID:(\w+):[\dA-F]{8}:[\dA-F]{8}:[\dA-F]{8}:/g, 'UPID:$1:PID:PSTART:TIME:'],
];

export function normaliseText(text: string): string {
  return BLANKED.reduce((result, [pattern, blank]) => result.replace(pattern, blank), text);
}

/**
 * A task log for comparison: the options of the job in alphabetical order (they come in random order),
 * the script's path blanked, and consecutive lines of the hook sorted, because its two streams race.
 */
export function normaliseLog(lines: readonly string[], script?: string): string[] {
  const normal = lines
    // Debian's LXC 6.0 says this on the recorded node when a guest starts; Proxmox's own does not.
    .filter((line) => line !== 'failed to connect to monitor socket: Connection refused')
    .map((line) => normaliseText(sortOptions(line)))
    .map((line) => (script === undefined ? line : line.replaceAll(script, 'SCRIPT')))
    .map((line) => line.replaceAll(/\/usr\/local\/bin\/\w+\.sh/g, 'SCRIPT'));
  const result: string[] = [];
  let ofHook: string[] = [];
  const flush = (): void => {
    result.push(...ofHook.toSorted());
    ofHook = [];
  };
  for (const line of normal) {
    if (/^INFO: (HOOK-STD|hook: failing)/.test(line)) {
      ofHook.push(line);
      continue;
    }
    flush();
    result.push(line);
  }
  flush();
  return result;
}

function sortOptions(line: string): string {
  const match = /^(INFO: starting new backup job: vzdump)(( \d+)*)(( --.*)?)$/.exec(line);
  if (match === null) return line;
  const [, start, vmids = '', , options = ''] = match;
  const sorted = options
    .split(/ --/)
    .filter((option) => option !== '')
    .toSorted();
  return [start + vmids, ...sorted].join(' --');
}

/** A JSON value reduced to its shape: keys and types, and of a list the different shapes in it. */
export function shapeOf(value: unknown): unknown {
  if (Array.isArray(value)) {
    const shapes = new Set(value.map((item) => JSON.stringify(shapeOf(item))));
    return [...shapes].toSorted().map((shape): unknown => JSON.parse(shape));
  }
  if (typeof value === 'object' && value !== null) {
    const entries = Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1));
    return Object.fromEntries(entries.map(([key, item]) => [key, shapeOf(item)]));
  }
  return value === null ? null : typeof value;
}
