import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type HookSettings, hookSettingLine } from '@tacet/protocol';

const template = join(import.meta.dirname, 'vzdump-hook.sh');

/** The script, ready to be run by vzdump. */
export async function renderHookScript(settings: HookSettings): Promise<string> {
  const text = await readFile(template, 'utf8');
  return Object.entries(settings).reduce(
    (script, [name, value]) =>
      script.replace(hookSettingLine(name), () => `${name}=${quoted(String(value))}`),
    text,
  );
}

/** For a POSIX shell. */
function quoted(value: string): string {
  return `'${value.replaceAll("'", String.raw`'\''`)}'`;
}
