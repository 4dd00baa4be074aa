import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Undo } from '@tacet/runtime';
import { type Browser, chromium } from 'playwright-core';

const executablePath = '/usr/bin/chromium';
const root = join(import.meta.dirname, '..', '..', '..', '..');

/** Why the dashboard cannot be looked at here; undefined when it can. */
export function chromiumObstacle(): string | undefined {
  return existsSync(executablePath) ? undefined : `there is no ${executablePath}; Debian's package has it`;
}

/** Debian's, headless. */
export async function openChromium(undo: Undo): Promise<Browser> {
  const browser = await chromium.launch({ executablePath, args: ['--force-color-profile=srgb'] });
  undo.defer(() => browser.close());
  return browser;
}

/** The dashboard as it is in the sources now; turbo keeps what it has built before. */
export function buildDashboard(): void {
  const args = ['run', 'build', '--filter=@tacet/dashboard', '--output-logs=errors-only'];
  const { status } = spawnSync('turbo', args, { cwd: root, stdio: ['ignore', 'ignore', 'inherit'] });
  if (status !== 0) throw new Error('the dashboard could not be built; the reason stands above');
}

/** The folder for pictures of every page, which cost some minutes; none are made where it is not named. */
export const pictures = process.env['TACET_PICTURES'];
