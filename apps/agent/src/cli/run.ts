import { createLogger, type Logger, streamSink, TacetError } from '@tacet/runtime';
import { type Agent, startAgent } from '../agent.ts';
import { type ControlCommands, openControlSocket } from '../control/control-socket.ts';
import { DockerEngine } from '../engine/docker-engine.ts';
import { linuxRepairs } from '../guest/guest-repairs.ts';
import { linuxGuest } from '../guest/linux-guest.ts';
import { linuxRegenerators } from '../identity/linux-regenerators.ts';
import type { Command } from './command.ts';
import { publishStatus } from './status-file.ts';

const endMs = 20_000;

/** Until the service manager ends it, which first thaws whatever is held. */
export const run: Command = async ({ config }) => {
  const settings = await config();
  const log = createLogger({ sink: streamSink(process.stderr), level: settings.logLevel });
  let agent: Agent | undefined;
  const control = await openControl(() => {
    if (agent) return agent.commands;
    throw new TacetError('the agent is still starting', { code: 'wrong-state', retryable: true });
  }, log);
  agent = await startAgent({
    engine: new DockerEngine({ socketPath: settings.engineSocket }),
    guestHost: linuxGuest(),
    repairs: linuxRepairs(settings.engineSocket),
    regenerators: linuxRegenerators(settings.stateDir),
    config: settings,
    log,
  });
  const publishing = publishStatus(agent, log);
  const asked = new Promise<string>((resolve) => {
    for (const name of ['SIGTERM', 'SIGINT'] as const) process.once(name, () => resolve(name));
  });
  try {
    const why = await Promise.race([asked, agent.running]);
    log.info('ending', { why });
  } finally {
    // A daemon that hangs must not keep the process: what is still held, the next start thaws.
    setTimeout(() => process.exit(1), endMs).unref();
    // Also when a part of it has failed: half an agent would hold, and nobody could end it.
    await agent[Symbol.asyncDispose]();
    await control?.[Symbol.asyncDispose]();
    await publishing.stop();
  }
  return 0;
};

/**
 * First of all: a second agent would thaw what the first one holds.
 * @throws TacetError `conflict` where one runs; without a socket for any other reason the agent runs all the same.
 */
async function openControl(
  commands: () => ControlCommands,
  log: Logger,
): Promise<AsyncDisposable | undefined> {
  try {
    return await openControlSocket(commands, { log });
  } catch (error) {
    if (TacetError.is(error, 'conflict')) throw error;
    log.warn('nobody in this guest can ask the agent for anything', { error });
    return undefined;
  }
}
