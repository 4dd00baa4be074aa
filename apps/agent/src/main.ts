import './kept-small.ts';
import { parseArgs } from 'node:util';
import { describeError, TacetError } from '@tacet/runtime';
import { commands } from './cli/commands.ts';
import { defaultConfigPath, readConfig } from './config.ts';

const usage = `Usage: tacet-agent <command> [options]

  run               run the agent (the service does this)
  enroll <token>    join a controller, with the one-time token that it printed
  status [--json]   what the running agent says of this guest
  plan [--json]     what a backup would hold, and how
  rehearse [--json] hold and thaw without a backup, and say how long writes waited
  thaw              release whatever is held, also without a running agent
  fsfreeze <phase>  for the fsfreeze hook of qemu-guest-agent: freeze, thaw
  check-data        let every database look through its own files
  accept-data       take data that differ from their marker as they are
  restart-policy <list|undo>
                    what heal has changed, and how to have it as it was
  version           the agent's version

Options:
  --config <path>   configuration file (default ${defaultConfigPath})
`;

async function main(argv: string[]): Promise<number> {
  const { values, positionals } = parseArgs({
    args: argv,
    allowPositionals: true,
    options: {
      config: { type: 'string' },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  const [name, ...args] = positionals;
  const command = Object.entries(commands).find(([known]) => known === name)?.[1];
  if (values.help || command === undefined || args.length !== command.argumentCount) {
    (values.help ? process.stdout : process.stderr).write(usage);
    return values.help ? 0 : 2;
  }
  return await command.run({ args, json: values.json, config: () => readConfig(values.config) });
}

function fail(error: unknown): void {
  const isMisuse =
    error instanceof TypeError && 'code' in error && String(error.code).startsWith('ERR_PARSE_ARGS');
  process.stderr.write(`tacet-agent: ${describeError(error)}\n`);
  if (TacetError.is(error) && error.hint !== undefined) process.stderr.write(`${error.hint}\n`);
  process.exitCode = isMisuse ? 2 : 1;
}

void main(process.argv.slice(2)).then((exitCode) => (process.exitCode = exitCode), fail);
