import { createLogger, prettySink, TacetError } from '@tacet/runtime';
import { journalDirOf } from '../agent.ts';
import { DockerEngine } from '../engine/docker-engine.ts';
import { undoRestartPolicies } from '../heal/repairs/restart-policy.ts';
import { Journal } from '../journal/journal.ts';
import type { Command } from './command.ts';

const undoMs = 60_000;

/** What heal has changed in this guest, and how to have it as it was. Needs no running agent. */
export const restartPolicy: Command = async ({ args: [action = ''], json, config }) => {
  const { engineSocket, stateDir } = await config();
  const log = createLogger({ sink: prettySink((line) => process.stderr.write(line), { colour: false }) });
  const journal = new Journal(journalDirOf(stateDir), { logger: log });
  switch (action) {
    case 'list': {
      const changes = await journal.readRestartPolicyChanges();
      const lines = changes.map(
        ({ stack, service, previous, policy, changedAt }) =>
          `${`${stack}/${service}`.padEnd(24)}${policy}, before ${previous}, changed ${new Date(changedAt).toISOString()}`,
      );
      process.stdout.write(json ? `${JSON.stringify(changes)}\n` : listing(lines));
      return 0;
    }
    case 'undo': {
      const engine = new DockerEngine({ socketPath: engineSocket });
      const lines = await undoRestartPolicies({ engine, journal }, AbortSignal.timeout(undoMs));
      process.stdout.write(json ? `${JSON.stringify(lines)}\n` : listing(lines));
      return 0;
    }
    default:
      throw new TacetError(`restart-policy knows no ${action}`, {
        code: 'invalid-input',
        hint: 'tacet-agent restart-policy list, or tacet-agent restart-policy undo',
      });
  }
};

function listing(lines: readonly string[]): string {
  return lines.length === 0 ? 'Heal has changed no restart policy.\n' : `${lines.join('\n')}\n`;
}
