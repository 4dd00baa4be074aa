import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { readManifest } from './manifest.ts';

/** An npm package of which something is in a bundle. */
export interface BundledPackage {
  readonly name: string;
  readonly version: string;
  /** SPDX expression, as the package says. */
  readonly license: string;
  readonly licenseText: string;
}

/**
 * Those that a bundle is made of, in the order of their names; the workspace's own are not among them.
 * @param inputs paths below `folder`, as esbuild's metafile has them
 */
export async function bundledPackages(inputs: readonly string[], folder: string): Promise<BundledPackage[]> {
  const directories = new Set<string>();
  for (const input of inputs) {
    const found = /^(.*\/node_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(input)?.[1];
    if (found !== undefined) directories.add(join(folder, found));
  }
  const packages = await Promise.all([...directories].map(readPackage));
  return packages.toSorted((a, b) => order(`${a.name}@${a.version}`, `${b.name}@${b.version}`));
}

/** Their licences ask to be shown wherever they are. */
export function noticesOf(packages: readonly BundledPackage[]): string {
  return packages
    .map(
      ({ name, version, license, licenseText }) =>
        `${name} ${version} (${license})\n\n${licenseText.trim()}\n`,
    )
    .join(`\n${'-'.repeat(80)}\n\n`);
}

async function readPackage(directory: string): Promise<BundledPackage> {
  const { name, version, license } = await readManifest(directory);
  const file = (await readdir(directory)).find((entry) => /^licen[cs]e/i.test(entry));
  const licenseText = file === undefined ? 'As named.' : await readFile(join(directory, file), 'utf8');
  return { name, version, license, licenseText };
}

function order(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
