import { join } from 'node:path';
import type { InstalledFile } from './deb.ts';
import { workspace } from './workspace.ts';

/** What systemd runs, as it is packaged. */
export const agentUnits = [
  unit('agent', 'tacet-agent.service'),
  // Wanted by the one above.
  unit('agent', 'tacet-agent-shutdown.service'),
];
export const controllerUnits = [unit('controller', 'tacet-controller.service')];

function unit(app: string, name: string): InstalledFile & { content: { file: string } } {
  return {
    path: `/usr/lib/systemd/system/${name}`,
    content: { file: join(workspace, 'apps', app, 'systemd', name) },
  };
}
