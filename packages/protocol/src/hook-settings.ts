import { z } from 'zod';

/** What the vzdump hook script carries in its head, written there by `tacet hook install`. */
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

const endOfSettings = '# --- end of the settings';

/** The settings of a script that this or an earlier version has written; undefined for any other script. */
export function readHookSettings(script: string): HookSettings | undefined {
  const [head, ...rest] = script.split(endOfSettings);
  if (head === undefined || rest.length === 0) return undefined;
  const names = Object.keys(hookSettingsSchema.shape);
  const found = names.map((name) => [name, unquoted(hookSettingLine(name).exec(head)?.[1])]);
  const parsed = hookSettingsSchema.safeParse(Object.fromEntries(found));
  return parsed.success ? parsed.data : undefined;
}

/** The line of a POSIX shell script that sets it. */
export function hookSettingLine(name: string): RegExp {
  return new RegExp(`^${name}=(.*)$`, 'm');
}

function unquoted(word: string | undefined): string | undefined {
  return word?.slice(1, -1).replaceAll(String.raw`'\''`, "'");
}
