import { silentLogger, systemClock } from '@tacet/runtime';
import { DockerEngine } from '../engine/docker-engine.ts';
import { linuxGuest } from '../guest/linux-guest.ts';
import { explorePlan } from '../quiesce/look.ts';
import type { Command } from './command.ts';
import { describePlan } from './describe-plan.ts';

const askMs = 20_000;

/** Asks the engines what they are, and does nothing to them; needs no running agent. */
export const plan: Command = async ({ json, config }) => {
  const host = linuxGuest();
  const { freezer, processes } = host;
  const engine = new DockerEngine({ socketPath: (await config()).engineSocket });
  const ports = { engine, host, freezer, processes, clock: systemClock, logger: silentLogger };
  const planned = await explorePlan(ports, AbortSignal.timeout(askMs));
  process.stdout.write(json ? `${JSON.stringify(planned, null, 2)}\n` : describePlan(planned));
  return 0;
};
