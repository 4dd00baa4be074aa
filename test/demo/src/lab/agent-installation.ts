import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Guest } from '@tacet/lab';

const agentFolder = join(import.meta.dirname, '..', '..', '..', '..', 'apps', 'agent');
const bundle = join(agentFolder, 'dist', 'tacet-agent.cjs');
const unit = join(agentFolder, 'systemd', 'tacet-agent.service');

const command = '#!/bin/sh\nexec /usr/lib/tacet/tacet-agent.cjs "$@"\n';

/** The bundled agent, its unit and its configuration, as a package would put them into a guest. */
export async function installAgent(guest: Guest, configuration: object = {}): Promise<void> {
  await guest.writeFile('/usr/lib/tacet/tacet-agent.cjs', await readFile(bundle), 0o755);
  await guest.writeFile('/usr/bin/tacet-agent', command, 0o755);
  await guest.writeFile('/etc/systemd/system/tacet-agent.service', await readFile(unit));
  await guest.writeFile('/etc/tacet/agent.json', JSON.stringify(configuration));
}

/** What an operator pastes into the guest's shell. */
export async function enrolAgent(guest: Guest, token: string): Promise<void> {
  await inGuest(guest, ['tacet-agent', 'enroll', token]);
  await inGuest(guest, ['systemctl', 'enable', '--now', '--quiet', 'tacet-agent']);
}

async function inGuest(guest: Guest, argv: readonly string[]): Promise<void> {
  const { exitCode, stdout, stderr } = await guest.exec(argv);
  if (exitCode !== 0) throw new Error(`${argv[0]} in guest ${guest.vmid}: ${stderr || stdout}`);
}
