import { styleText } from 'node:util';
import type { LogLevel, LogRecord, LogSink } from './logger.ts';

type Write = (line: string) => unknown;

/** One JSON object a line: `{time, level, message, …fields}`; a field cannot displace the first three. */
export function jsonSink(write: Write): LogSink {
  return ({ atMs, level, message, fields }) => {
    const time = new Date(atMs).toISOString();
    write(`${JSON.stringify({ time, level, message, ...withoutReserved(fields) })}\n`);
  };
}

const RESERVED = new Set(['time', 'level', 'message']);

function withoutReserved(fields: LogRecord['fields']): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(fields).map(([key, value]) => [RESERVED.has(key) ? `${key}_` : key, value]),
  );
}

const COLOURS = { debug: 'gray', info: 'green', warn: 'yellow', error: 'red' } as const satisfies Record<
  LogLevel,
  string
>;

/** For people at a terminal: `12:00:00.000 warn  message  key=value`. */
export function prettySink(write: Write, options: { colour: boolean }): LogSink {
  const paint = (format: Parameters<typeof styleText>[0], text: string): string =>
    options.colour ? styleText(format, text, { validateStream: false }) : text;
  return ({ atMs, level, message, fields }) => {
    const time = new Date(atMs).toISOString().slice(11, 23);
    const pairs = Object.entries(fields)
      .filter(([, value]) => value !== undefined)
      .map(([key, value]) => `${paint('gray', `${key}=`)}${plain(value)}`);
    const parts = [paint('gray', time), paint(COLOURS[level], level.padEnd(5)), message, ...pairs];
    write(`${parts.join(' ')}\n`);
  };
}

function plain(value: unknown): string {
  return typeof value === 'string' && !/\s/.test(value) ? value : JSON.stringify(value);
}

interface LogStream {
  readonly isTTY?: boolean;
  write(line: string): unknown;
  on(event: 'error', listener: () => void): unknown;
}

/** Pretty on a terminal, JSON lines anywhere else. */
export function streamSink(stream: LogStream): LogSink {
  // A log that cannot be written (its disk is full, its reader has gone) must not end what it is about.
  stream.on('error', () => undefined);
  const write: Write = (line) => stream.write(line);
  return stream.isTTY === true ? prettySink(write, { colour: true }) : jsonSink(write);
}
