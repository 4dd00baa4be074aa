import { Writable } from 'node:stream';
import { setImmediate } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { TacetError } from './errors.ts';
import { jsonSink, prettySink, streamSink } from './log-sinks.ts';
import { createLogger, type Logger, type LogLevel } from './logger.ts';
import { ManualClock } from './manual-clock.ts';

function capture(level: LogLevel = 'debug'): { log: Logger; lines: () => Record<string, unknown>[] } {
  const written: string[] = [];
  const log = createLogger({
    level,
    sink: jsonSink((line) => written.push(line)),
    clock: new ManualClock(0),
  });
  return { log, lines: () => written.map((line): Record<string, unknown> => JSON.parse(line)) };
}

describe('the logger', () => {
  it('writes one JSON object a line, with the bindings of every ancestor', () => {
    const { log, lines } = capture();
    log.child({ vmid: 101 }).child({ stack: 'shop' }).info('held', { stallMs: 42, level: 'mine' });
    expect(lines()).toEqual([
      {
        time: '1970-01-01T00:00:00.000Z',
        level: 'info',
        message: 'held',
        vmid: 101,
        stack: 'shop',
        stallMs: 42,
        level_: 'mine',
      },
    ]);
  });

  it('drops what is below its level', () => {
    const { log, lines } = capture('warn');
    log.debug('a');
    log.info('b');
    log.warn('c');
    log.error('d');
    expect(lines().map((line) => line['message'])).toEqual(['c', 'd']);
  });

  it('spells an error out with its causes and one stack', () => {
    const { log, lines } = capture();
    const cause = new Error('connect ECONNREFUSED', { cause: new Error('no route') });
    log.error('backup failed', { error: new TacetError('node unreachable', { code: 'unreachable', cause }) });
    const [line] = lines();
    expect(line?.['error']).toMatchObject({
      name: 'TacetError',
      message: 'node unreachable',
      code: 'unreachable',
      causes: [{ message: 'connect ECONNREFUSED' }, { message: 'no route' }],
    });
    expect(JSON.stringify(line).match(/logger\.test\.ts/g)).toHaveLength(1);
  });

  it('never writes a secret, however deep it lies or its key is spelled', () => {
    const { log, lines } = capture();
    log.info('connecting', {
      token: 'abc-1',
      headers: { Authorization: 'abc-2' },
      list: [{ dbPassword: 'abc-3' }, new Map([['clientSecret', { value: 'abc-4' }]])],
      credential: 'abc-5',
      tokenId: 'user@pve!tacet',
    });
    expect(JSON.stringify(lines())).not.toContain('abc-');
    expect(lines()[0]).toMatchObject({ token: '[redacted]', tokenId: 'user@pve!tacet' });
  });

  it('survives whatever is put into its fields', () => {
    const { log, lines } = capture();
    const loop: Record<string, unknown> = { big: 1n, bytes: new Uint8Array(3), set: new Set([1]) };
    loop['self'] = loop;
    log.info('odd', { loop, fn: () => 1, when: new Date(0), nothing: undefined });
    expect(lines()[0]).toMatchObject({
      loop: { big: '1', bytes: '[3 bytes]', set: [1] },
      when: '1970-01-01T00:00:00.000Z',
    });
  });
});

describe('streamSink', () => {
  it('does not end the process when its stream cannot be written, or is closed', async () => {
    const stream = new Writable({ write: (_chunk, _encoding, done) => done(new Error('ENOSPC')) });
    const log = createLogger({ sink: streamSink(stream) });
    log.info('to a disk that is full');
    await setImmediate();
    log.info('to a stream that has ended over it');
    await setImmediate();
    expect(stream.errored).toMatchObject({ message: 'ENOSPC' });
  });
});

describe('prettySink', () => {
  it('prints one readable line', () => {
    const lines: string[] = [];
    const sink = prettySink((line) => lines.push(line), { colour: false });
    createLogger({ sink, clock: new ManualClock(0) }).warn('lease expired', {
      stack: 'shop',
      why: 'too slow',
    });
    expect(lines).toEqual(['00:00:00.000 warn  lease expired stack=shop why="too slow"\n']);
  });
});
