import { type Clock, systemClock } from './clock.ts';
import { redactFields } from './redact.ts';

export const LOG_LEVELS = ['debug', 'info', 'warn', 'error'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

export type LogFields = Readonly<Record<string, unknown>>;

export interface LogRecord {
  /** Epoch milliseconds. */
  readonly atMs: number;
  readonly level: LogLevel;
  readonly message: string;
  /** Bindings and the call's own fields, redacted, with errors spelled out. */
  readonly fields: LogFields;
}

export type LogSink = (record: LogRecord) => void;

export interface Logger {
  /** Fields may hold anything; an error belongs under the key `error`. */
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
  /** A logger that adds these fields to every record. */
  child(bindings: LogFields): Logger;
}

export interface LoggerOptions {
  readonly sink: LogSink;
  /** Records below it are dropped. Default `info`. */
  readonly level?: LogLevel;
  readonly clock?: Clock;
  readonly bindings?: LogFields;
}

export function createLogger(options: LoggerOptions): Logger {
  const { sink, level: threshold = 'info', clock = systemClock, bindings = {} } = options;
  const log =
    (level: LogLevel) =>
    (message: string, fields: LogFields = {}): void => {
      if (LOG_LEVELS.indexOf(level) < LOG_LEVELS.indexOf(threshold)) return;
      sink({ atMs: clock.now(), level, message, fields: redactFields({ ...bindings, ...fields }) });
    };
  return {
    debug: log('debug'),
    info: log('info'),
    warn: log('warn'),
    error: log('error'),
    child: (more) => createLogger({ ...options, bindings: { ...bindings, ...more } }),
  };
}

export const silentLogger: Logger = createLogger({ sink: () => undefined });
