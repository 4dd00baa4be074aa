import { parseArgs } from 'node:util';

export interface DemoArguments {
  /** Simulated guests even where real ones could run. */
  sim: boolean;
  /** End after the story, with exit code 0 or 1. */
  once: boolean;
  /** Where `summary.json` goes. */
  summary: string;
}

export const usage = `Usage: npm run demo -- [--sim] [--once] [--summary FILE]

  --sim           simulated guests, even where this machine can run real ones
  --once          end after the story: exit code 0 when all of it is true, 1 otherwise
  --summary FILE  where the summary goes (default: summary.json)
`;

/** @throws Error on an argument that is not known. */
export function parseDemoArguments(argv: string[]): DemoArguments | 'help' {
  const { values } = parseArgs({
    args: argv,
    options: {
      sim: { type: 'boolean', default: false },
      once: { type: 'boolean', default: false },
      summary: { type: 'string', default: 'summary.json' },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  if (values.help) return 'help';
  return { sim: values.sim, once: values.once, summary: values.summary };
}
