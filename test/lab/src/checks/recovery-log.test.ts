import { describe, expect, it } from 'vitest';
import { acceptedAtMs, innodbRedoBytes, parseLog, postgresRedoBytes } from './recovery-log.ts';

const at = '2026-01-02T03:04:05';

function log(...texts: string[]) {
  return parseLog(texts.map((text, index) => `${at}.${index}00000000Z ${text}\n`).join(''));
}

describe('acceptedAtMs', () => {
  it('is the moment each kind of server says so', () => {
    const start = Date.parse(`${at}.000Z`);
    for (const words of [
      '2026-01-02 03:04:05.1 UTC [1] LOG:  database system is ready to accept connections',
      '2026-01-02  3:04:05 0 [Note] mariadbd: ready for connections.',
      '1:M 02 Jan 2026 03:04:05.100 * Ready to accept connections tcp',
    ]) {
      expect(acceptedAtMs(log('starting', words, 'more'))).toBe(start + 100);
    }
    expect(acceptedAtMs(log('starting'))).toBeUndefined();
  });
});

describe('postgresRedoBytes', () => {
  it('is what lay between where redo began and where it ended', () => {
    const lines = log(
      'LOG:  redo starts at 0/FFFFFF00',
      'LOG:  invalid record length at 1/100: expected at least 24, got 0',
      'LOG:  redo done at 1/100 system usage: CPU: user: 0.00 s',
    );
    expect(postgresRedoBytes(lines)).toBe(0x200);
  });

  it('is nothing after a clean shutdown and unknown where the log does not say', () => {
    expect(postgresRedoBytes(log('LOG:  database system was shut down at 2026-01-02 03:04:04 UTC'))).toBe(0);
    expect(postgresRedoBytes(log('LOG:  starting PostgreSQL 17'))).toBeUndefined();
  });
});

describe('innodbRedoBytes', () => {
  it('is what lay behind the checkpoint', () => {
    const lines = log(
      '[Note] InnoDB: Starting crash recovery from checkpoint LSN=46846',
      '[Note] InnoDB: End of log at LSN=50942',
    );
    expect(innodbRedoBytes(lines)).toBe(4096);
    expect(innodbRedoBytes(lines.slice(1))).toBe(0);
    expect(innodbRedoBytes([])).toBeUndefined();
  });
});
