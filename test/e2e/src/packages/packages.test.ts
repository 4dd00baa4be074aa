import { execFile, spawnSync } from 'node:child_process';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { buildPackages } from './build-packages.ts';

const run = promisify(execFile);
const buildMs = 600_000;

const reasons = [
  ...(process.arch === 'x64' ? [] : ['the packages are built here for amd64 alone']),
  ...(has('dpkg-deb') ? [] : ['there is no dpkg-deb']),
];
const skipped = reasons.length > 0;
const noLintian = has('lintian') ? '' : ' (skipped: there is no lintian)';

function has(program: string): boolean {
  return spawnSync(program, ['--version']).status === 0;
}

describe.skipIf(skipped)(`the packages${skipped ? ` (skipped: ${reasons.join('; ')})` : ''}`, () => {
  let directory: string;
  let sums: string[];
  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'tacet-packages-'));
    sums = await buildPackages(join(directory, 'first'));
  }, buildMs);
  afterAll(() => rm(directory, { recursive: true }));

  it(
    'are the same bytes when they are built again',
    async () => {
      expect(sums.map((line) => line.split('  ')[1])).toEqual([
        'tacet-agent_0.1.0_all.deb',
        'tacet-agent_0.1.0_all.cdx.json',
        'tacet-controller_0.1.0_amd64.deb',
        'tacet-controller_0.1.0_amd64.cdx.json',
        'tacet-controller_0.1.0_amd64.context.tar.gz',
      ]);
      expect(await buildPackages(join(directory, 'second'))).toEqual(sums);
    },
    buildMs,
  );

  it.skipIf(noLintian !== '')(
    `have nothing that lintian minds${noLintian}`,
    async () => {
      const folder = join(directory, 'first');
      const debs = (await readdir(folder)).filter((name) => name.endsWith('.deb'));
      const paths = debs.map((name) => join(folder, name));
      const { stdout } = await run('lintian', ['--allow-root', '--fail-on', 'error,warning', ...paths]);
      expect(stdout.split('\n').filter((line) => /^[EW]:/.test(line))).toEqual([]);
    },
    buildMs,
  );
});
