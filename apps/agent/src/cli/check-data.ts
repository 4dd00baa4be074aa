import { silentLogger, systemClock } from '@tacet/runtime';
import { DockerEngine } from '../engine/docker-engine.ts';
import { linuxGuest } from '../guest/linux-guest.ts';
import { checkDeeply, type DeepCheck } from '../readiness/data/check-deeply.ts';
import type { Command } from './command.ts';

const never = new AbortController().signal;

/** Needs no running agent. Exit code 1 where something is damaged, or could not be checked. */
export const checkData: Command = async ({ json, config }) => {
  const host = linuxGuest();
  const { freezer, processes } = host;
  const engine = new DockerEngine({ socketPath: (await config()).engineSocket });
  const ports = { engine, host, freezer, processes, clock: systemClock, logger: silentLogger };
  const checks = await checkDeeply(ports, never);
  process.stdout.write(json ? `${JSON.stringify(checks, null, 2)}\n` : describeChecks(checks));
  return checks.every(({ findings, trouble }) => findings.length === 0 && trouble === undefined) ? 0 : 1;
};

export function describeChecks(checks: readonly DeepCheck[]): string {
  if (checks.length === 0) return 'No database that Tacet can check runs here.\n';
  const lines = checks.flatMap(({ stack, service, looked, findings, trouble }) => [
    `${stack}/${service}: ${trouble ?? (looked.join(', ') || 'nothing to look at')}`,
    ...findings.map(
      ({ marker, expected, found, because }) =>
        `  DAMAGED: ${marker}: expected ${expected}, found ${found} (${because})`,
    ),
  ]);
  return `${lines.join('\n')}\n`;
}
