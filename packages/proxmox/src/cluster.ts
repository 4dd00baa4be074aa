import * as z from 'zod';
import { MissingError, ProxmoxError, UnauthorizedError } from './errors.ts';
import { permissionsSchema } from './permissions.ts';
import type { CallOptions, Transport } from './transport.ts';
import { flag, numeric, vmid } from './values.ts';

const version = z.object({ version: z.string(), release: z.string() });

const node = z.object({
  node: z.string(),
  status: z.string(),
  ssl_fingerprint: z.string().optional(),
});

const guest = z.object({
  vmid,
  type: z.enum(['lxc', 'qemu']),
  node: z.string(),
  name: z.string().optional(),
  /** `running`, `stopped`; `unknown` while the node does not report. */
  status: z.string().default('unknown'),
  template: flag.default(false),
  lock: z.string().optional(),
  /** Left out where there are none; Proxmox VE joins them with `;`, and takes `,` and spaces too. */
  tags: z
    .string()
    .default('')
    .transform((text) => text.split(/[;,\s]+/).filter((tag) => tag !== '')),
  pool: z.string().optional(),
});
export type GuestResource = z.output<typeof guest>;

/** What the node's clock showed, in whole seconds; undefined where its answer did not say. */
export interface ClockReading {
  readonly nodeMs: number | undefined;
}

export type ClusterApi = ReturnType<typeof clusterApi>;

export function clusterApi(transport: Transport) {
  const guests = (options: CallOptions = {}): Promise<GuestResource[]> =>
    transport.call({
      ...options,
      method: 'GET',
      path: ['cluster', 'resources'],
      params: { type: 'vm' },
      answer: z.array(guest),
    });
  return {
    /** Every token may ask, also one that is refused: only silence, or the wrong server, is a failure. */
    async clock(options: CallOptions = {}): Promise<ClockReading> {
      let nodeMs: number | undefined;
      const onDate = (shown: number): void => void (nodeMs = shown);
      try {
        await transport.call({ ...options, method: 'GET', path: ['version'], answer: version, onDate });
      } catch (error) {
        if (!(error instanceof UnauthorizedError)) throw error;
      }
      return { nodeMs };
    },

    version: (options: CallOptions = {}) =>
      transport.call({ ...options, method: 'GET', path: ['version'], answer: version }),

    nodes: (options: CallOptions = {}) =>
      transport.call({ ...options, method: 'GET', path: ['nodes'], answer: z.array(node) }),

    /** The guests that the token may see: `VM.Audit` decides. */
    guests,

    /**
     * Where a guest is now. Never keep the answer: migration and HA move guests.
     * @throws MissingError when no such guest can be seen
     */
    async resolveNode(vmid: number, options: CallOptions = {}): Promise<GuestResource> {
      const found = (await guests(options)).find((candidate) => candidate.vmid === vmid);
      if (found !== undefined) return found;
      const hint = `It does not exist, or the token lacks VM.Audit on /vms/${vmid}.`;
      throw new MissingError(`no guest ${vmid} to be seen in the cluster`, { hint });
    },

    /** The lowest VMID that is free now; nothing reserves it. */
    nextId: (options: CallOptions = {}) =>
      transport.call({ ...options, method: 'GET', path: ['cluster', 'nextid'], answer: numeric }),

    /**
     * Whether no guest has this VMID now, be it one that the caller may not see: by the source of Proxmox VE, which asks
     * for no privilege here. Nothing reserves it.
     */
    async isFree(vmid: number, options: CallOptions = {}): Promise<boolean> {
      const path = ['cluster', 'nextid'];
      try {
        await transport.call({ ...options, method: 'GET', path, params: { vmid }, answer: numeric });
        return true;
      } catch (error) {
        if (error instanceof ProxmoxError && error.message.includes(`VM ${vmid} already exists`))
          return false;
        throw error;
      }
    },

    /**
     * The caller's own; ask `holdsPrivilege` about it. Of one `path`, which need not exist, it is exact: nothing has to
     * be derived from the paths above it.
     */
    permissions: ({ path, ...options }: CallOptions & { path?: string } = {}) =>
      transport.call({
        ...options,
        method: 'GET',
        path: ['access', 'permissions'],
        params: { path },
        answer: permissionsSchema,
      }),
  };
}
