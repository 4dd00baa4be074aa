import type { GuestStatus } from '@tacet/protocol';
import type { Command } from './command.ts';
import { readPublishedStatus } from './status-file.ts';

/** Exit code 0 when the guest is ready, 1 when it is not, 3 when no agent runs. */
export const status: Command = async ({ json }) => {
  const published = await readPublishedStatus();
  if (published === undefined) {
    process.stderr.write('No agent runs here. See: systemctl status tacet-agent\n');
    return 3;
  }
  const { status: current } = published;
  process.stdout.write(json ? `${JSON.stringify(published)}\n` : describeStatus(current));
  return current.conditions.some(({ type, status: is }) => type === 'Ready' && is === 'True') ? 0 : 1;
};

export function describeStatus({ quiesceState, conditions, services }: GuestStatus): string {
  const lines = [
    `quiesce: ${quiesceState}`,
    ...conditions.map(({ type, status: is, message }) => `${type.padEnd(24)}${is.padEnd(9)}${message}`),
    ...services.map(
      ({ stack, service, state, health, restartPolicy }) =>
        `${`${stack}/${service}`.padEnd(24)}${state.padEnd(11)}health ${health}, restart ${restartPolicy}`,
    ),
  ];
  return `${lines.join('\n')}\n`;
}
