import { vmidSchema } from '@tacet/protocol';
import { z } from 'zod';

/** The first line of every request; another script than ours, or of another time, says something else. */
export const greeting = 'tacet-hook 1';

export const guestPhases = [
  'backup-start',
  'pre-stop',
  'pre-restart',
  'post-restart',
  'backup-end',
  'backup-abort',
  'log-end',
] as const;
export type GuestPhase = (typeof guestPhases)[number];

export const backupModes = ['snapshot', 'suspend', 'stop'] as const;
export type BackupMode = (typeof backupModes)[number];

/** The script gives up after this much silence. */
const patienceS = z.coerce.number().int().positive();

const guestCallSchema = z.object({
  kind: z.literal('guest'),
  phase: z.enum(guestPhases),
  mode: z.enum(backupModes),
  vmid: z.coerce.number().pipe(vmidSchema),
  patienceS,
  /** Proxmox VE's `STOREID`, missing where a backup goes to no storage but a directory. */
  storage: z.string().min(1).optional(),
  /** The archive as vzdump names it. */
  target: z.string().min(1).optional(),
});
export type GuestCall = z.infer<typeof guestCallSchema>;

const requestSchema = z.discriminatedUnion('kind', [
  guestCallSchema,
  z.object({ kind: z.literal('job'), phase: z.enum(['job-end', 'job-abort']), patienceS }),
  /** Of `tacet hook status`. */
  z.object({ kind: z.literal('status'), patienceS }),
]);
export type HookRequest = z.infer<typeof requestSchema>;

/**
 * Reads a request: the greeting, then `key=value` lines, of which `call` has vzdump's arguments.
 *
 * @throws Error that says what is wrong with it.
 */
export function parseHookRequest(text: string): HookRequest {
  const [first, ...lines] = text.split('\n').filter((line) => line !== '');
  if (first !== greeting) throw new Error(`the first line is not "${greeting}"`);
  const fields = new Map(lines.map((line) => splitOnce(line, '=')));
  const [phase = '', mode, vmid] = (fields.get('call') ?? '').split(' ');
  const parsed = requestSchema.safeParse({
    kind: phase === 'status' ? 'status' : phase.startsWith('job-') ? 'job' : 'guest',
    phase,
    mode,
    vmid,
    patienceS: fields.get('patience'),
    storage: fields.get('STOREID') || undefined,
    target: fields.get('TARGET') || undefined,
  });
  if (parsed.success) return parsed.data;
  throw new Error(z.prettifyError(parsed.error));
}

function splitOnce(text: string, separator: string): [string, string] {
  const at = text.indexOf(separator);
  return at === -1 ? [text, ''] : [text.slice(0, at), text.slice(at + 1)];
}
