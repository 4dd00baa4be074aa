#!/usr/bin/env node
import { parseArgs } from 'node:util';
import { createLogger, describeError, LOG_LEVELS, streamSink, TacetError } from '@tacet/runtime';
import { actAsOwnerOf } from './at-rest/act-as-owner.ts';
import { rotateKey, sealAll } from './at-rest/seal-all.ts';
import { type ControllerConfig, loadConfig } from './config.ts';
import { startController } from './controller.ts';
import { keepStore } from './own-backup/commands.ts';
import { undoCutOffRestore } from './own-backup/restore-store.ts';
import { tellServiceManager } from './service-manager.ts';

const usage = `usage: tacet-controller --config FILE [--log-level debug|info|warn|error]
       tacet-controller seal --config FILE         seals the secret files that it names, as who may write there
       tacet-controller rotate-key --config FILE   seals them with a new key
       tacet-controller backup-store BACKUP --config FILE [--with-key]
                                                   writes store, configuration, certificate and sealed secrets into
                                                   one new file, also while the controller runs; with the key that
                                                   they are sealed with only if asked: such a file is a secret itself
       tacet-controller restore-store BACKUP --config FILE
                                                   puts them back while no controller runs; what was there is put aside`;

async function main(): Promise<number> {
  const { values, positionals = [] } = parseOptions() ?? {};
  const level = LOG_LEVELS.find((known) => known === values?.['log-level']);
  const [command = 'run', ...more] = positionals;
  const [backup] = more;
  if (values?.config === undefined || level === undefined || !isCommand(command, more)) {
    process.stderr.write(`${usage}\n`);
    return 2;
  }
  if (backup !== undefined) return await keepStore(command, backup, values);
  if (await undoCutOffRestore(values.config)) {
    process.stderr.write(
      'A restore of this controller was cut off: the state from before it is in place again.\n',
    );
  }
  if (command !== 'run') await actAsOwnerOf(values.config);
  const config = await loadConfig(values.config);
  if (command !== 'run') return await keep(command, config);
  const log = createLogger({ sink: streamSink(process.stderr), level });
  const stop = Promise.withResolvers<string>();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => stop.resolve(signal));

  await using controller = await startController({ config, log });
  if (controller.setupUrl !== undefined) {
    // Not a line of the log: logs are kept and sent on, and this is a key.
    process.stdout.write(`Nobody has an account yet. Make the first one here: ${controller.setupUrl}\n`);
  }
  await tellServiceManager(log);
  const signal = await stop.promise;
  log.info('stopping', { signal });
  return 0;
}

type Command = 'run' | 'seal' | 'rotate-key' | 'backup-store' | 'restore-store';

const operands: Record<Command, number> = {
  run: 0,
  seal: 0,
  'rotate-key': 0,
  'backup-store': 1,
  'restore-store': 1,
};

function isCommand(word: string, more: readonly string[]): word is Command {
  return Object.entries(operands).some(([command, count]) => command === word && count === more.length);
}

/** What may be done to the secrets on disk while the controller runs, or not. */
async function keep(command: Command, config: ControllerConfig): Promise<number> {
  let sealed: string[];
  if (command === 'rotate-key') {
    const rotated = await rotateKey(config, process.env);
    process.stdout.write(`${rotated.path} has a new key; keep a copy of it. The older ones still open.\n`);
    sealed = rotated.sealed;
  } else {
    sealed = await sealAll(config, process.env);
  }
  if (sealed.length === 0) process.stdout.write('Every secret file was sealed already.\n');
  for (const path of sealed) process.stdout.write(`sealed  ${path}\n`);
  return 0;
}

interface Options {
  readonly values: { config?: string; 'log-level': string; 'with-key': boolean };
  readonly positionals: string[];
}

/** Undefined for options that are not known. */
function parseOptions(): Options | undefined {
  try {
    return parseArgs({
      allowPositionals: true,
      options: {
        config: { type: 'string' },
        'log-level': { type: 'string', default: 'info' },
        'with-key': { type: 'boolean', default: false },
      },
    });
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
