import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { projectFiles, read, root } from './tree.ts';

const files = projectFiles();
const sources = files.filter((file) => /\.(ts|tsx|mjs)$/.test(file));

interface PackageJson {
  name: string;
  dependencies?: Record<string, string>;
  devDependencies?: Record<string, string>;
}

const packages = files
  .filter((file) => /^(packages|apps|test)\/[^/]+\/package\.json$/.test(file))
  .map((file) => ({ folder: dirname(file), json: JSON.parse(read(file)) as PackageJson }));

describe('the tree', () => {
  it('is the one we talk about', () => {
    expect(packages.length).toBeGreaterThan(10);
    expect(sources.length).toBeGreaterThan(50);
  });

  it('has nothing at the top that does not belong there', () => {
    const top = new Set(files.map((file) => file.split('/')[0]));
    const allowed = [
      'packages',
      'apps',
      'test',
      'docs',
      'README.md',
      'CONTRIBUTING.md',
      'LICENSE',
      '.ci',
      '.vscode',
    ];
    const tools = [
      'package.json',
      'pnpm-workspace.yaml',
      'pnpm-lock.yaml',
      'turbo.json',
      'tsconfig.json',
      'vitest.config.ts',
    ];
    const dotFiles = ['.editorconfig', '.gitignore', '.oxfmtrc.json', '.oxlintrc.json'];
    expect([...top].filter((entry) => ![...allowed, ...tools, ...dotFiles].includes(entry ?? ''))).toEqual(
      [],
    );
  });

  it('has no drawer for everything', () => {
    expect(files.filter((file) => /(^|\/)(utils?|helpers?|misc)\.tsx?$|\/common\//.test(file))).toEqual([]);
  });

  it('has no source file that mixes too much to be read at once', () => {
    const long = sources.filter((file) => !file.endsWith('.test.ts') && read(file).split('\n').length > 400);
    expect(long).toEqual([]);
  });
});

describe('imports', () => {
  it('cross a package by its name, never by a path', () => {
    const crossing = sources.filter((file) => {
      const folder = file.split('/').slice(0, 2).join('/');
      const relative = [...read(file).matchAll(/from '(\.[^']+)'/g)].map((match) => match[1] ?? '');
      return relative.some((path) => !join(dirname(file), path).startsWith(folder));
    });
    expect(crossing.filter((file) => file.split('/').length > 2)).toEqual([]);
  });

  it('take every library in the one version of the catalog', () => {
    const own = packages.flatMap(({ folder, json }) =>
      Object.entries({ ...json.dependencies, ...json.devDependencies })
        .filter(([, range]) => range !== 'catalog:' && range !== 'workspace:*')
        .map(([name, range]) => `${folder}: ${name}@${range}`),
    );
    expect(own).toEqual([]);
  });
});

describe('the documentation', () => {
  it('has no link that leads nowhere', () => {
    const broken = files
      .filter((file) => file.endsWith('.md'))
      .flatMap((file) =>
        [...read(file).matchAll(/\]\((?!https?:|#)([^)#\s]+)/g)]
          .map((match) => match[1] ?? '')
          .filter((target) => !existsSync(join(root, dirname(file), target)))
          .map((target) => `${file} → ${target}`),
      );
    expect(broken).toEqual([]);
  });

  it('names only npm scripts that exist', () => {
    const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> };
    const named = files
      .filter((file) => file.endsWith('.md'))
      .flatMap((file) => [...read(file).matchAll(/npm run ([a-z:]+)/g)].map((match) => match[1] ?? ''));
    expect(named.filter((name) => !(name in scripts))).toEqual([]);
  });
});
