import {
  createLogger,
  deferred,
  describeError,
  type Logger,
  orAborted,
  prettySink,
  systemClock,
} from '@tacet/runtime';
import { journalDirOf } from '../agent.ts';
import { DockerEngine } from '../engine/docker-engine.ts';
import type { Engine } from '../engine/engine.ts';
import type { GuestHost } from '../guest/guest.ts';
import { linuxGuest } from '../guest/linux-guest.ts';
import { Journal } from '../journal/journal.ts';
import { QuiesceCoordinator } from '../quiesce/coordinator.ts';
import { thawForgotten } from '../quiesce/thaw-forgotten.ts';
import { agentVersion } from '../version.ts';
import type { Command } from './command.ts';

const thawMs = 60_000;

/** For the operator at night: needs no running agent, no controller, and for most holds no engine. */
export const thaw: Command = async ({ config }) => {
  const { engineSocket, stateDir } = await config();
  const log = createLogger({ sink: prettySink((line) => process.stderr.write(line), { colour: false }) });
  const engine = new DockerEngine({ socketPath: engineSocket });
  const left = await thawEverything(
    { engine, host: linuxGuest(), stateDir, log },
    AbortSignal.timeout(thawMs),
  );
  for (const line of left) process.stderr.write(`${line}\n`);
  if (left.length > 0) return 1;
  process.stdout.write('Nothing is held.\n');
  return 0;
};

export interface ThawTarget {
  engine: Engine;
  host: GuestHost;
  stateDir: string;
  log: Logger;
}

/** What the journal names, and then whatever else is frozen. @returns what is still held, in words. */
export async function thawEverything(target: ThawTarget, signal: AbortSignal): Promise<string[]> {
  const { engine, host, stateDir, log } = target;
  const coordinator = new QuiesceCoordinator({
    engine,
    host,
    journal: new Journal(journalDirOf(stateDir), { logger: log }),
    agentVersion,
    emit: ({ message, data }) => log.info(message, data),
    logger: log,
  });
  const allThawed = deferred();
  const look = (): void => {
    if (coordinator.state === 'idle' && coordinator.unthawed.length === 0) allThawed.resolve();
  };
  coordinator.onStateChange(look);
  const left: string[] = [];
  try {
    await coordinator.recover();
    look();
    await orAborted(allThawed.promise, signal);
  } catch (error) {
    left.push(describeError(error));
    left.push(
      ...coordinator.unthawed.map(({ stack, service, message }) => `${stack}/${service}: ${message}`),
    );
  }
  try {
    const { freezer, processes } = host;
    const ports = { engine, freezer, processes, clock: systemClock, logger: log };
    await thawForgotten(ports, undefined, signal);
  } catch (error) {
    left.push(`could not look for containers that nobody remembers: ${describeError(error)}`);
  }
  await coordinator[Symbol.asyncDispose]();
  return left;
}
