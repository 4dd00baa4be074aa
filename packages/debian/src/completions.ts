import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { InstalledFile } from './deb.ts';

const run = promisify(execFile);
const askMs = 30_000;

/** Where each shell of Debian looks for what packages bring. */
const places = {
  bash: '/usr/share/bash-completion/completions/tacet',
  zsh: '/usr/share/zsh/vendor-completions/_tacet',
  fish: '/usr/share/fish/vendor_completions.d/tacet.fish',
};

/** What `tacet completion SHELL` prints, by the very program that is packaged. */
export async function completionsOf(program: string): Promise<InstalledFile[]> {
  const folder = await mkdtemp(join(tmpdir(), 'tacet-completions-'));
  try {
    const file = join(folder, 'tacet.mjs');
    await writeFile(file, program);
    return await Promise.all(
      Object.entries(places).map(async ([shell, path]) => {
        const argv = ['--disable-warning=ExperimentalWarning', file, 'completion', shell];
        const { stdout } = await run(process.execPath, argv, { timeout: askMs });
        return { path, content: stdout };
      }),
    );
  } finally {
    await rm(folder, { recursive: true });
  }
}
