// What databases say about their start in their logs, as `docker logs --timestamps` gives them.

export interface LogLine {
  atMs: number;
  text: string;
}

export function parseLog(text: string): LogLine[] {
  return text.split('\n').flatMap((line) => {
    const [, at, rest] = /^(\d{4}-\S+Z) (.*)$/.exec(line) ?? [];
    return at === undefined || rest === undefined ? [] : [{ atMs: Date.parse(at), text: rest }];
  });
}

/** When the server said that it takes queries: the last time, since an image's first start has one before. */
export function acceptedAtMs(lines: readonly LogLine[]): number | undefined {
  return lines.findLast(({ text }) => /ready (?:to accept|for) connections/i.test(text))?.atMs;
}

/** Bytes of WAL that PostgreSQL replayed; 0 after a clean shutdown. */
export function postgresRedoBytes(lines: readonly LogLine[]): number | undefined {
  const from = lastMatch(lines, /redo starts at ([\dA-F]+\/[\dA-F]+)/);
  const to = lastMatch(lines, /redo done at ([\dA-F]+\/[\dA-F]+)/);
  if (from !== undefined && to !== undefined) return walPosition(to) - walPosition(from);
  const none = lastMatch(lines, /(redo is not required|database system was shut down at)/);
  return none === undefined ? undefined : 0;
}

/** Bytes of InnoDB's log behind its last checkpoint; 0 after a clean shutdown. */
export function innodbRedoBytes(lines: readonly LogLine[]): number | undefined {
  const end = lastMatch(lines, /InnoDB: End of log at LSN=(\d+)/);
  if (end === undefined) return undefined;
  const from = lastMatch(lines, /InnoDB: Starting crash recovery from checkpoint LSN=(\d+)/);
  return from === undefined ? 0 : Number(end) - Number(from);
}

function lastMatch(lines: readonly LogLine[], pattern: RegExp): string | undefined {
  return lines.flatMap(({ text }) => pattern.exec(text)?.[1] ?? []).at(-1);
}

function walPosition(text: string): number {
  const [high = '', low = ''] = text.split('/');
  return Number.parseInt(high, 16) * 2 ** 32 + Number.parseInt(low, 16);
}
