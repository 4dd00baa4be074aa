import { createLogger, streamSink } from '@tacet/runtime';
import { startAgent } from '../agent.ts';
import { DockerEngine } from '../engine/docker-engine.ts';
import { linuxGuest } from '../guest/linux-guest.ts';
import type { Command } from './command.ts';
import { publishStatus } from './status-file.ts';

const endMs = 20_000;

/** Until the service manager ends it, which first thaws whatever is held. */
export const run: Command = async ({ config }) => {
  const settings = await config();
  const log = createLogger({ sink: streamSink(process.stderr), level: settings.logLevel });
  const agent = await startAgent({
    engine: new DockerEngine({ socketPath: settings.engineSocket }),
    guestHost: linuxGuest(),
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
    await publishing.stop();
  }
  return 0;
};
