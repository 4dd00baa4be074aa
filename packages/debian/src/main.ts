// `npm run package`: the packages, a bill of materials for each, what an image of the controller is built from, and the
// checksums of all, in dist/packages.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { parseArgs } from 'node:util';
import { agentPackage } from './agent-package.ts';
import type { BundledPackage } from './bundled.ts';
import { controllerPackage } from './controller-package.ts';
import { buildContainerContext } from './container-context.ts';
import { buildDeb } from './build-deb.ts';
import type { Deb } from './deb.ts';
import { nodeRuntime } from './node-runtime.ts';
import { sbomOf } from './sbom.ts';
import { sourceDateEpochS, workspace, workspaceVersion } from './workspace.ts';

const architectures = ['amd64', 'arm64'] as const;
const cache = join(workspace, 'node_modules', '.tacet', 'runtimes');

const { values } = parseArgs({
  options: {
    out: { type: 'string', default: join(workspace, 'dist', 'packages') },
    /** Of the controller; all of them when left out. */
    architecture: { type: 'string' },
  },
});
const wanted = architectures.filter(
  (one) => values.architecture === undefined || values.architecture === one,
);
if (wanted.length === 0) throw new Error(`--architecture is one of ${architectures.join(', ')}`);

const built = spawnSync('turbo', ['run', 'build', '--output-logs=errors-only'], {
  cwd: workspace,
  stdio: ['ignore', 'ignore', 'inherit'],
});
if (built.status !== 0) throw new Error('the build failed');

const version = await workspaceVersion();
const epochS = await sourceDateEpochS();
await rm(values.out, { recursive: true, force: true });
await mkdir(values.out, { recursive: true });

const files = await write(await agentPackage(version));
for (const architecture of wanted) {
  const runtime = await nodeRuntime(architecture, cache);
  const controller = await controllerPackage(version, architecture, runtime);
  files.push(...(await write(controller)), await buildContainerContext(controller.deb, epochS, values.out));
}
const sums = await Promise.all(files.map(async (file) => `${await sha256(file)}  ${basename(file)}\n`));
await writeFile(join(values.out, 'SHA256SUMS'), sums.join(''));
process.stdout.write(`${values.out}\n${sums.join('')}`);

async function write({ deb, bundled }: { deb: Deb; bundled: BundledPackage[] }): Promise<string[]> {
  const path = await buildDeb(deb, epochS, values.out);
  const sbom = path.replace(/\.deb$/, '.cdx.json');
  await writeFile(sbom, sbomOf({ name: deb.name, version: deb.version }, bundled, epochS));
  return [path, sbom];
}

async function sha256(file: string): Promise<string> {
  return createHash('sha256')
    .update(await readFile(file))
    .digest('hex');
}
