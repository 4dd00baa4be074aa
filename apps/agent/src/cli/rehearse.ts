import { randomUUID } from 'node:crypto';
import { createLogger, prettySink } from '@tacet/runtime';
import { journalDirOf } from '../agent.ts';
import { askAgent } from '../control/ask-agent.ts';
import { openControlSocket } from '../control/control-socket.ts';
import { DockerEngine } from '../engine/docker-engine.ts';
import { linuxGuest } from '../guest/linux-guest.ts';
import { Journal } from '../journal/journal.ts';
import { QuiesceCoordinator } from '../quiesce/coordinator.ts';
import { type Rehearsal, rehearsalSchema, rehearse as rehearseWith } from '../quiesce/rehearse.ts';
import { agentVersion } from '../version.ts';
import type { Command, CommandInput } from './command.ts';

const rehearsalMs = 180_000;

/** Exit code 0 when everything was held to the end and nothing failed, 1 when not. */
export const rehearse: Command = async (input) => {
  const asked = await askAgent('rehearse', AbortSignal.timeout(rehearsalMs));
  const rehearsal = asked ? rehearsalSchema.parse(asked.answer) : await withoutAgent(input);
  process.stdout.write(input.json ? `${JSON.stringify(rehearsal, null, 2)}\n` : describeRehearsal(rehearsal));
  const { failures, services } = rehearsal;
  return failures.length === 0 && services.every(({ intactUntilThaw }) => intactUntilThaw) ? 0 : 1;
};

/** By this process, over the same journal: were it killed, the agent's next start thaws. */
async function withoutAgent({ config }: CommandInput): Promise<Rehearsal> {
  const { engineSocket, stateDir, leaseCeilingMs } = await config();
  const log = createLogger({
    sink: prettySink((line) => process.stderr.write(line), { colour: false }),
    level: 'warn',
  });
  await using _alone = await openControlSocket(() => ({}), { log });
  await using coordinator = new QuiesceCoordinator({
    engine: new DockerEngine({ socketPath: engineSocket }),
    host: linuxGuest(),
    journal: new Journal(journalDirOf(stateDir), { logger: log }),
    agentVersion,
    emit: ({ message, data }) => log.info(message, data),
    logger: log,
    leaseCeilingMs,
  });
  await coordinator.recover();
  return await rehearseWith(coordinator, randomUUID());
}

export function describeRehearsal({ prepareMs, heldMs, services, failures }: Rehearsal): string {
  const lines = services.map(({ stack, service, method, holds, bytesFlushed, ...evidence }) => {
    const stallMs = evidence.probeStallMs ?? (evidence.thawedAt ?? 0) - evidence.holdStartedAt;
    const how = evidence.probeStallMs === null ? 'held' : 'its clients waited';
    const flushed = bytesFlushed === null ? '' : `, ${Math.ceil(bytesFlushed / 1024)} kB flushed before`;
    const lost = evidence.intactUntilThaw === true ? '' : ', NOT held to the end';
    return `  ${`${stack}/${service}`.padEnd(24)}${`${method} (${holds.join(' + ')})`.padEnd(28)}${how} ${stallMs} ms${flushed}${lost}`;
  });
  const problems = failures.map(
    ({ stack, service, phase, message }) => `  ${stack}/${service}: ${phase}: ${message}`,
  );
  return [
    `Prepared in ${Math.round(prepareMs)} ms while writes went on, held for ${Math.round(heldMs)} ms.`,
    ...lines,
    ...(problems.length === 0 ? [] : ['Trouble:', ...problems]),
    '',
  ].join('\n');
}
