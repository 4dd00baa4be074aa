import { execFileSync, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { agentUnits, controllerUnits } from './units.ts';
import { workspace } from './workspace.ts';

const page = readFileSync(join(workspace, 'docs', 'reference', 'unit-security.md'), 'utf8');

const help = spawnSync('systemd-analyze', ['--help'], { encoding: 'utf8' });
const noAnalyzer = /--offline/.test(help.stdout ?? '')
  ? ''
  : ' (skipped: there is no systemd-analyze that can judge a file)';

/** One a check; `exposure` is null where the check says nothing of this kind of service. */
const checksSchema = z.array(
  z.object({ name: z.string(), set: z.boolean().nullable(), exposure: z.string().nullable() }),
);

function documented(unit: string): { score: number; explained: string[] } {
  const section = page.split(/^## /m).find((text) => text.startsWith(`${unit}\n`)) ?? '';
  const score = Number(/^Score: ([\d.]+)$/m.exec(section)?.[1]);
  const rows = [...section.matchAll(/^\| `([^`]+)` +\| +(\S.*?) +\|$/gm)];
  return { score, explained: rows.map(([, name = '']) => name.replaceAll('\\|', '|')) };
}

describe.skipIf(noAnalyzer !== '')(`what the packaged units may do${noAnalyzer}`, () => {
  const units = [...agentUnits, ...controllerUnits].map(({ content }) => content.file);

  it.each(units)('%s: no more than its documented score, each exposure explained', (file) => {
    const { score, explained } = documented(basename(file));
    expect(score).toBeGreaterThan(0);
    // It fails over the threshold, which is in tenths.
    const options = ['--offline=true', '--json=short', `--threshold=${Math.round(score * 10)}`];
    const checks = checksSchema.parse(
      JSON.parse(execFileSync('systemd-analyze', ['security', ...options, file], { encoding: 'utf8' })),
    );
    const exposures = checks.filter(({ set, exposure }) => set === false && exposure !== null);
    expect(explained.toSorted()).toEqual(exposures.map(({ name }) => name).toSorted());
  });

  it.each(units)('%s: its documented score is not worse than it is', (file) => {
    const below = Math.round(documented(basename(file)).score * 10) - 1;
    const options = ['--offline=true', '--no-pager', `--threshold=${below}`];
    expect(spawnSync('systemd-analyze', ['security', ...options, file]).status).not.toBe(0);
  });
});

describe('how the agent is started', () => {
  const unit = readFileSync(agentUnits[0]?.content.file ?? '', 'utf8');
  const [program, ...options] =
    /^ExecStart=(.*) \/usr\/lib\/tacet\/tacet-agent\.cjs run$/m.exec(unit)?.[1]?.split(' ') ?? [];

  // One option that it does not know keeps a Node from starting. Debian 13's own is tried in the lab.
  it('is known to the newest Node that there is here', () => {
    expect([program, options.length]).toEqual(['/usr/bin/node', 6]);
    expect(execFileSync(process.execPath, [...options, '-p', '6 * 7'], { encoding: 'utf8' })).toBe('42\n');
  });
});
