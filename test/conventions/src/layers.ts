import { dirname } from 'node:path';
import { projectFiles, read } from './tree.ts';

/** What each package may build on. Tests may build on anything; apps never on each other. */
export const mayUse: Readonly<Record<string, readonly string[]>> = {
  'packages/protocol': [],
  'packages/runtime': [],
  'packages/core': ['@tacet/protocol'],
  'packages/proxmox': ['@tacet/runtime'],
  // It puts the others into archives, and is in none of them.
  'packages/debian': [],
  'apps/dashboard': ['@tacet/protocol'],
  apps: ['@tacet/protocol', '@tacet/core', '@tacet/proxmox', '@tacet/runtime'],
};

export interface Part {
  /** `apps/agent`, below the workspace. */
  readonly folder: string;
  /** `@tacet/agent`. */
  readonly name: string;
  /** The folders of its sources that have files of their own, alphabetically. */
  readonly folders: readonly string[];
  /** What it imports of the others, alphabetically; tests and what is only for them left out. */
  readonly imports: readonly string[];
  /** What its package.json says that it needs of the others. */
  readonly declares: readonly string[];
}

const imported = /(?:from|import)\s*\(?\s*'(@tacet\/[a-z-]+)[^']*'/g;
const isForTests = (file: string): boolean =>
  /\.test\.tsx?$|\/(testing|fixtures)\//.test(file) || !/\.(ts|tsx)$/.test(file);

/** The packages and apps as they are, by what their files say. */
export function partsOfTheTree(): Part[] {
  const files = projectFiles();
  return files
    .filter((file) => /^(packages|apps)\/[^/]+\/package\.json$/.test(file))
    .map((file) => {
      const folder = dirname(file);
      const { name, dependencies = {} } = JSON.parse(read(file)) as {
        name: string;
        dependencies?: Record<string, string>;
      };
      const source = `${folder}/src/`;
      const sources = files.filter((one) => one.startsWith(source) && !isForTests(one));
      const below = sources
        .map((one) => one.slice(source.length).split('/'))
        .filter(({ length }) => length > 1);
      const found = sources.flatMap((one) => [...read(one).matchAll(imported)].map(([, what = '']) => what));
      return {
        folder,
        name,
        folders: [...new Set(below.map(([first = '']) => first))].toSorted(),
        imports: [...new Set(found)].filter((one) => one !== name).toSorted(),
        declares: Object.keys(dependencies)
          .filter((one) => one.startsWith('@tacet/'))
          .toSorted(),
      };
    });
}

export const allowedTo = ({ folder }: Part): readonly string[] =>
  mayUse[folder] ?? mayUse[folder.split('/')[0] ?? ''] ?? [];
