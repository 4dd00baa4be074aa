import * as z from 'zod';
import { GuestNotHereError } from './errors.ts';
import type { CallOptions, Transport } from './transport.ts';
import { type Upid, upidSchema } from './upid.ts';
import { flag, numeric } from './values.ts';

export const vzdumpModeSchema = z.enum(['snapshot', 'suspend', 'stop']);
export type VzdumpMode = z.output<typeof vzdumpModeSchema>;

export interface VzdumpOptions extends CallOptions {
  readonly vmid: number;
  readonly storage: string;
  /** `snapshot` is a wish: where a volume cannot, the run falls back to `suspend`. */
  readonly mode: VzdumpMode;
  readonly compress?: '0' | 'gzip' | 'lzo' | 'zstd';
  /** Shown in the web interface; plain text of any number of lines. */
  readonly notes?: string;
  readonly protected?: boolean;
  /** How long to wait for the node's one vzdump lock; 0 fails at once. The node's own default is 180. */
  readonly lockwaitMinutes?: number;
  /** Let the storage's retention remove old backups. */
  readonly remove?: boolean;
  /** A retention instead of the storage's, as `keep-last=3,keep-daily=7`. Needs `Datastore.Allocate` on the storage. */
  readonly pruneBackups?: string | undefined;
}

const defaults = z.object({
  mode: vzdumpModeSchema.default('snapshot'),
  storage: z.string().optional(),
  compress: z.string().optional(),
  lockwait: numeric.optional(),
  remove: flag.optional(),
  /** The hook script; shown to `root@pam` only. */
  script: z.string().optional(),
});
export type VzdumpDefaults = z.output<typeof defaults>;

/** Instead of a task, where all of the guests that are named are on other nodes (code of PVE::API2::VZDump). */
const ELSEWHERE = 'OK';

export type VzdumpApi = ReturnType<typeof vzdumpApi>;

export function vzdumpApi(transport: Transport) {
  return {
    /**
     * Starts a backup. The UPID proves nothing: a guest that the token may not back up is refused inside the
     * task, and waiting for the lock happens there too.
     * @throws GuestNotHereError when the guest is on another node
     */
    async start(node: string, { notes, lockwaitMinutes, ...rest }: VzdumpOptions): Promise<Upid> {
      const { signal, timeoutMs, vmid, storage, mode, compress, remove } = rest;
      const answer = await transport.call({
        signal,
        timeoutMs,
        method: 'POST',
        path: ['nodes', node, 'vzdump'],
        params: {
          vmid,
          storage,
          mode,
          compress,
          remove,
          protected: rest.protected,
          lockwait: lockwaitMinutes,
          'prune-backups': rest.pruneBackups,
          'notes-template': notes === undefined ? undefined : escapeNotes(notes),
        },
        answer: upidSchema.or(z.literal(ELSEWHERE)),
      });
      if (answer !== ELSEWHERE) return answer;
      throw new GuestNotHereError(`guest ${vmid} is not on ${node}`, {
        hint: 'It has moved to another node of the cluster, and nothing was started.',
      });
    },

    /** The configuration of the guest whose backup it is, as it was then. See `parseArchivedConfig`. */
    extractConfig: (node: string, volid: string, options: CallOptions = {}) =>
      transport.call({
        ...options,
        method: 'GET',
        path: ['nodes', node, 'vzdump', 'extractconfig'],
        params: { volume: volid },
        answer: z.string(),
      }),

    /** What the node's `vzdump.conf` sets. Needs `Datastore.Audit` or more on the storage when one is named. */
    defaults: (node: string, { storage, ...options }: CallOptions & { storage?: string } = {}) =>
      transport.call({
        ...options,
        method: 'GET',
        path: ['nodes', node, 'vzdump', 'defaults'],
        params: { storage },
        answer: defaults,
      }),
  };
}

/** A template is one line, and refuses variables it does not know: escapes the text and breaks `{{` up. */
export function escapeNotes(text: string): string {
  const escaped = text.replaceAll('\\', '\\\\').replaceAll(/\r?\n/g, '\\n');
  return escaped.replaceAll(/\{(?=\{)/g, '{ ');
}
