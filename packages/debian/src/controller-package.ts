import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type BundledPackage, bundledPackages, noticesOf } from './bundled.ts';
import { bundleProgram } from './bundle.ts';
import { completionsOf } from './completions.ts';
import type { Architecture, Deb, InstalledFile } from './deb.ts';
import { manualPage } from './documents.ts';
import { maintainerScripts } from './maintainer-scripts.ts';
import type { NodeRuntime } from './node-runtime.ts';
import { controllerUnits } from './units.ts';
import { workspace } from './workspace.ts';

const name = 'tacet-controller';
const home = '/usr/lib/tacet';
const apps = join(workspace, 'apps');
const pages = join(import.meta.dirname, '..', 'pages');

/** The controller, its dashboard, `tacet`, and the Node that they are tested with. */
export async function controllerPackage(
  version: string,
  architecture: Exclude<Architecture, 'all'>,
  runtime: NodeRuntime,
): Promise<{ deb: Deb; bundled: BundledPackage[] }> {
  const controller = await bundleProgram(join(apps, 'controller', 'src', 'main.ts'), workspace);
  const cli = await bundleProgram(join(apps, 'cli', 'src', 'main.ts'), workspace);
  const inputs = [...controller.inputs, ...cli.inputs];
  const bundled = [
    ...(await bundledPackages(inputs, workspace)),
    { name: 'node', version: runtime.version, license: 'MIT', licenseText: runtime.license },
  ];
  const deb: Deb = {
    name,
    version,
    architecture,
    depends: 'adduser, libc6 (>= 2.28), libstdc++6',
    // They share /etc/tacet and /run/tacet, and the agent, which is root, must not read what the controller may write.
    conflicts: 'tacet-agent',
    summary: 'controller of app-consistent backups for Proxmox VE',
    description: [
      'Asks Proxmox VE for backups of guests that its agents hold, judges whether they',
      'are app-consistent, restores them, and shows what is ready. With a dashboard,',
      'the command "tacet", and a hook for vzdump.',
      '',
      'Runs on a node, or in a guest of its own.',
    ].join('\n'),
    files: [
      { path: `${home}/node`, content: { file: runtime.program }, mode: 0o755 },
      // The controller looks for its version and its dashboard where they lie in its sources.
      { path: `${home}/apps/controller/dist/main.mjs`, content: controller.code },
      { path: `${home}/apps/controller/package.json`, content: `${JSON.stringify({ name, version })}\n` },
      ...(await builtDashboard()),
      { path: `${home}/apps/cli/main.mjs`, content: cli.code },
      {
        path: `${home}/apps/cli/vzdump-hook.sh`,
        content: { file: join(apps, 'cli', 'src', 'hook', 'vzdump-hook.sh') },
        mode: 0o755,
      },
      ...['grafana/tacet.json', 'prometheus/alerts.yml'].map((share) => ({
        path: `/usr/share/${name}/${share}`,
        content: { file: join(apps, 'controller', 'share', share) },
      })),
      launcher('/usr/sbin/tacet-controller', `${home}/apps/controller/dist/main.mjs`),
      launcher('/usr/bin/tacet', `${home}/apps/cli/main.mjs`),
      ...controllerUnits,
      { path: `/usr/share/doc/${name}/third-party-notices`, content: noticesOf(bundled) },
      manualPage(name, 8, await readFile(join(pages, 'tacet-controller.8'), 'utf8')),
      manualPage('tacet', 1, await readFile(join(pages, 'tacet.1'), 'utf8')),
      ...(await completionsOf(cli.code)),
    ],
    conffiles: [],
    scripts: maintainerScripts({
      name,
      version,
      unit: 'tacet-controller.service',
      prepare: `
adduser --quiet --system --group --no-create-home --home /var/lib/tacet-controller --gecos 'Tacet controller' tacet-controller
# The secrets that "tacet pve provision" writes here get its owner.
install -d -o tacet-controller -g tacet-controller -m 0750 /etc/tacet`,
      purge: `
rm -rf /var/lib/tacet-controller
rm -f /etc/tacet/controller.json /etc/tacet/controller.key /etc/tacet/*.secret
rmdir --ignore-fail-on-non-empty /etc/tacet 2>/dev/null || true`,
    }),
    overrides: [
      {
        tag: 'unstripped-binary-or-object',
        why: 'Node as its makers built it: what is tested is what runs.',
      },
      { tag: 'hardening-no-pie', why: 'The same.' },
      { tag: 'embedded-library', why: 'Node brings its own, in versions that belong together.' },
    ],
  };
  return { deb, bundled };
}

function launcher(path: string, program: string): InstalledFile {
  const content = `#!/bin/sh\nexec ${home}/node --disable-warning=ExperimentalWarning ${program} "$@"\n`;
  return { path, content, mode: 0o755 };
}

async function builtDashboard(): Promise<InstalledFile[]> {
  const folder = join(apps, 'dashboard', 'dist');
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name: file }) => join(parentPath, file))
    .toSorted()
    .map((file) => ({ path: `${home}/dashboard/dist${file.slice(folder.length)}`, content: { file } }));
}
