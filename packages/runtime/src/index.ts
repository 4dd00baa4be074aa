export { type Clock, systemClock } from './clock.ts';
export { ManualClock } from './manual-clock.ts';
export { type Deadline, DeadlineError, orAborted, runWithin, withDeadline } from './deadline.ts';
export { type Deferred, deferred } from './deferred.ts';
export { backoff, type BackoffOptions, retry, type RetryOptions } from './retry.ts';
export { ExclusiveRunner } from './exclusive-runner.ts';
export { Undo } from './dispose.ts';
export { causeChain, describeError, TacetError, type TacetErrorOptions } from './errors.ts';
export {
  createLogger,
  LOG_LEVELS,
  type LogFields,
  type Logger,
  type LoggerOptions,
  type LogLevel,
  type LogRecord,
  type LogSink,
  silentLogger,
} from './logger.ts';
export { jsonSink, prettySink, streamSink } from './log-sinks.ts';
export { redact, serializeError } from './redact.ts';
