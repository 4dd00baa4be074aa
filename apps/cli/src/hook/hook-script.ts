import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';

const template = join(import.meta.dirname, 'vzdump-hook.sh');
const endOfSettings = '# --- end of the settings';

export const hookSettingsSchema = z.object({
  socket: z.string().startsWith('/').max(107),
  /** The hook that was configured before; empty where there was none. */
  previous: z.union([z.string().startsWith('/'), z.literal('')]),
  /** VMIDs, or `all`, separated by blanks. */
  closed: z.string().regex(/^(all|\d+( \d+)*|)$/, 'write it as VMID,VMID,… or as all'),
  /** Seconds. */
  patience: z.coerce.number().int().min(5).max(300),
});
export type HookSettings = z.infer<typeof hookSettingsSchema>;

/** The script, ready to be run by vzdump. */
export async function renderHookScript(settings: HookSettings): Promise<string> {
  const text = await readFile(template, 'utf8');
  return Object.entries(settings).reduce(
    (script, [name, value]) => script.replace(settingLine(name), () => `${name}=${quoted(String(value))}`),
    text,
  );
}

/** The settings of a script that this or an earlier version has written; undefined for any other script. */
export function readHookSettings(script: string): HookSettings | undefined {
  const [head, ...rest] = script.split(endOfSettings);
  if (head === undefined || rest.length === 0) return undefined;
  const names = Object.keys(hookSettingsSchema.shape);
  const found = names.map((name) => [name, unquoted(settingLine(name).exec(head)?.[1])]);
  const parsed = hookSettingsSchema.safeParse(Object.fromEntries(found));
  return parsed.success ? parsed.data : undefined;
}

function settingLine(name: string): RegExp {
  return new RegExp(`^${name}=(.*)$`, 'm');
}

/** For a POSIX shell. */
function quoted(value: string): string {
  return `'${value.replaceAll("'", String.raw`'\''`)}'`;
}

function unquoted(word: string | undefined): string | undefined {
  return word?.slice(1, -1).replaceAll(String.raw`'\''`, "'");
}
