import { TacetError } from '@tacet/runtime';
import { z } from 'zod';
import { askAgent } from '../control/ask-agent.ts';
import type { Command } from './command.ts';

const askMs = 10_000;

/** The operator has looked at what `DataVerified` says, and takes the data as they are. */
export const acceptData: Command = async ({ json }) => {
  const asked = await askAgent('accept-data', AbortSignal.timeout(askMs));
  if (!asked) {
    throw new TacetError('no agent runs in this guest', {
      code: 'not-found',
      hint: 'systemctl start tacet-agent',
    });
  }
  const accepted = z.array(z.string()).parse(asked.answer);
  const text = accepted.length === 0 ? 'Nothing differed.' : `Accepted as they are: ${accepted.join(', ')}.`;
  process.stdout.write(json ? `${JSON.stringify(accepted)}\n` : `${text}\n`);
  return 0;
};
