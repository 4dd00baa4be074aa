import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { type BundledPackage, bundledPackages, noticesOf } from './bundled.ts';
import type { Deb } from './deb.ts';
import { manualPage } from './documents.ts';
import { maintainerScripts } from './maintainer-scripts.ts';
import { agentUnits } from './units.ts';
import { workspace } from './workspace.ts';

const name = 'tacet-agent';
const agent = join(workspace, 'apps', 'agent');
const page = join(import.meta.dirname, '..', 'pages', 'tacet-agent.8');
const completion = join(import.meta.dirname, '..', 'pages', 'tacet-agent.bash');

/** Of esbuild; there is more in it. */
const metafileSchema = z.object({ inputs: z.record(z.string(), z.unknown()) });

/** The agent's one file, which `npm run build` has made, on the Node of Debian 13. */
export async function agentPackage(version: string): Promise<{ deb: Deb; bundled: BundledPackage[] }> {
  const { inputs } = metafileSchema.parse(
    JSON.parse(await readFile(join(agent, 'dist', 'meta.json'), 'utf8')),
  );
  const bundled = await bundledPackages(Object.keys(inputs), workspace);
  const deb: Deb = {
    name,
    version,
    architecture: 'all',
    depends: 'nodejs (>= 20.19)',
    summary: 'app-consistent backups and healing for a Docker guest',
    description: [
      'Runs in a guest of Proxmox VE that has Docker in it. Holds its compose stacks',
      'for the instant of a snapshot, and heals them after a restore.',
      '',
      'It opens no port; it calls the controller that it was enrolled with.',
    ].join('\n'),
    files: [
      {
        path: '/usr/lib/tacet/tacet-agent.cjs',
        content: { file: join(agent, 'dist', 'tacet-agent.cjs') },
        mode: 0o755,
      },
      {
        path: '/usr/bin/tacet-agent',
        content: '#!/bin/sh\nexec /usr/bin/node /usr/lib/tacet/tacet-agent.cjs "$@"\n',
        mode: 0o755,
      },
      ...agentUnits,
      { path: `/usr/share/doc/${name}/third-party-notices`, content: noticesOf(bundled) },
      manualPage(name, 8, await readFile(page, 'utf8')),
      { path: '/usr/share/bash-completion/completions/tacet-agent', content: { file: completion } },
    ],
    conffiles: [],
    scripts: maintainerScripts({
      name,
      version,
      unit: 'tacet-agent.service',
      helper: 'tacet-agent-shutdown.service',
      purge: `
rm -rf /var/lib/tacet
rm -f /etc/tacet/agent.json
rmdir --ignore-fail-on-non-empty /etc/tacet 2>/dev/null || true`,
    }),
    overrides: [],
  };
  return { deb, bundled };
}
