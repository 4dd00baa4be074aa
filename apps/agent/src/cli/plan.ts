import { planQuiesce } from '@tacet/core';
import type { QuiescePlan } from '@tacet/protocol';
import { discover, plannable } from '../discovery/compose.ts';
import { DockerEngine } from '../engine/docker-engine.ts';
import type { Command } from './command.ts';

const askMs = 20_000;

export const plan: Command = async ({ json, config }) => {
  const engine = new DockerEngine({ socketPath: (await config()).engineSocket });
  const services = discover(await engine.containers(AbortSignal.timeout(askMs)));
  const planned = planQuiesce(plannable(services));
  process.stdout.write(json ? `${JSON.stringify(planned)}\n` : describePlan(planned));
  return 0;
};

export function describePlan({ waves, uncovered }: QuiescePlan): string {
  const lines = waves.flatMap((wave, index) =>
    wave.map(
      ({ stack, service, method, chosenBy, image }) =>
        `${`wave ${index + 1}`.padEnd(8)}${`${stack}/${service}`.padEnd(24)}${method.padEnd(10)}by ${chosenBy} (${image})`,
    ),
  );
  const left = uncovered.map(({ stack, service, reason }) => `not held ${stack}/${service}: ${reason}`);
  return `${[...lines, ...left].join('\n') || 'nothing runs here'}\n`;
}
