#!/usr/bin/env node
import { parseArgs } from 'node:util';
import { createLogger, describeError, LOG_LEVELS, streamSink, TacetError } from '@tacet/runtime';
import { loadConfig } from './config.ts';
import { startController } from './controller.ts';

const usage = 'usage: tacet-controller --config FILE [--log-level debug|info|warn|error]';

async function main(): Promise<number> {
  const values = parseOptions();
  const level = LOG_LEVELS.find((known) => known === values?.['log-level']);
  if (values?.config === undefined || level === undefined) {
    process.stderr.write(`${usage}\n`);
    return 2;
  }
  const log = createLogger({ sink: streamSink(process.stderr), level });
  const stop = Promise.withResolvers<string>();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => stop.resolve(signal));

  await using _controller = await startController({ config: await loadConfig(values.config), log });
  const signal = await stop.promise;
  log.info('stopping', { signal });
  return 0;
}

/** Undefined for options that are not known. */
function parseOptions(): { config?: string; 'log-level': string } | undefined {
  try {
    return parseArgs({
      options: { config: { type: 'string' }, 'log-level': { type: 'string', default: 'info' } },
    }).values;
  } catch (error) {
    process.stderr.write(`tacet-controller: ${describeError(error)}\n`);
    return undefined;
  }
}

try {
  process.exitCode = await main();
} catch (error) {
  const hint = error instanceof TacetError && error.hint !== undefined ? `\nhint: ${error.hint}` : '';
  process.stderr.write(`tacet-controller: ${describeError(error)}${hint}\n`);
  process.exitCode = 1;
}
