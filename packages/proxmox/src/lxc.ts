import * as z from 'zod';
import { lxcConfigSchema } from './lxc-config.ts';
import type { CallOptions, Params, Transport } from './transport.ts';
import { upidSchema } from './upid.ts';
import { epochSeconds, flag, nothing, numeric, vmid } from './values.ts';

/** A guest where it is now: take `node` from `cluster.resolveNode`, each time. */
export interface GuestRef {
  readonly node: string;
  readonly vmid: number;
}

const guestStatus = z
  .object({
    vmid,
    status: z.string(),
    name: z.string().optional(),
    lock: z.string().optional(),
    uptime: numeric.default(0),
  })
  .transform(({ uptime, ...status }) => ({ ...status, uptimeMs: uptime * 1_000 }));
/** `status` is `running` for a frozen guest too. */
export type GuestStatus = z.output<typeof guestStatus>;

/** The list also holds `current`, which is no snapshot but the guest as it is. */
const snapshot = z
  .object({
    name: z.string(),
    description: z.string().default(''),
    parent: z.string().optional(),
    snaptime: epochSeconds.optional(),
  })
  .transform(({ snaptime, ...rest }) => ({ ...rest, takenAtMs: snaptime }));
export type Snapshot = z.output<typeof snapshot>;

export interface DestroyOptions extends CallOptions {
  /** Also stop it when it runs. */
  readonly force?: boolean;
  /** Also remove it from backup jobs, replication and HA. */
  readonly purge?: boolean;
}

export interface ShutdownOptions extends CallOptions {
  /** The node's own default is 60. */
  readonly timeoutSeconds?: number;
  readonly forceStop?: boolean;
}

export interface RestoreOptions extends CallOptions {
  readonly node: string;
  readonly vmid: number;
  /** The backup's volume id. */
  readonly archive: string;
  /** For the guest's disks. */
  readonly storage: string;
  /** Overwrite a stopped guest of this VMID. */
  readonly force?: boolean;
  /** New MAC addresses. IP addresses, host name and machine-id stay those of the original. */
  readonly unique?: boolean;
  readonly start?: boolean;
  /** Configuration to use instead of the archive's, as `{net0: 'name=eth0,bridge=vmbr0,ip=dhcp'}`. */
  readonly overrides?: Params;
}

function path({ node, vmid }: GuestRef, ...rest: string[]): (string | number)[] {
  return ['nodes', node, 'lxc', vmid, ...rest];
}

export type LxcApi = ReturnType<typeof lxcApi>;

/** What returns a UPID has only been accepted: `waitForTask` tells how it ended. */
export function lxcApi(transport: Transport) {
  const power =
    (what: 'start' | 'stop') =>
    (guest: GuestRef, options: CallOptions = {}) =>
      transport.call({
        ...options,
        method: 'POST',
        path: path(guest, 'status', what),
        answer: upidSchema,
      });

  return {
    status: (guest: GuestRef, options: CallOptions = {}) =>
      transport.call({
        ...options,
        method: 'GET',
        path: path(guest, 'status', 'current'),
        answer: guestStatus,
      }),

    config: (guest: GuestRef, options: CallOptions = {}) =>
      transport.call({ ...options, method: 'GET', path: path(guest, 'config'), answer: lxcConfigSchema }),

    /** Instead of what each of these settings is. */
    setConfig: (guest: GuestRef, settings: Readonly<Record<string, string>>, options: CallOptions = {}) =>
      transport.call({
        ...options,
        method: 'PUT',
        path: path(guest, 'config'),
        params: settings,
        answer: nothing,
      }),

    /** Whether every volume can snapshot. Where it says no, snapshot mode falls back to suspend. */
    canSnapshot: (guest: GuestRef, options: CallOptions = {}) =>
      transport.call({
        ...options,
        method: 'GET',
        path: path(guest, 'feature'),
        params: { feature: 'snapshot' },
        answer: z.object({ hasFeature: flag }).transform(({ hasFeature }) => hasFeature),
      }),

    start: power('start'),
    /** At once, like pulling the plug. */
    stop: power('stop'),
    /** An orderly end. One that does not come in time fails the task, or with `forceStop` pulls the plug. */
    shutdown: (guest: GuestRef, { timeoutSeconds, forceStop, ...options }: ShutdownOptions = {}) =>
      transport.call({
        ...options,
        method: 'POST',
        path: path(guest, 'status', 'shutdown'),
        params: { timeout: timeoutSeconds, forceStop },
        answer: upidSchema,
      }),

    destroy: (guest: GuestRef, { force, purge, ...options }: DestroyOptions = {}) =>
      transport.call({
        ...options,
        method: 'DELETE',
        path: path(guest),
        params: { force, purge },
        answer: upidSchema,
      }),

    /** `POST …/lxc` with `restore=1`; creates the guest. */
    restore: ({
      node,
      archive,
      overrides,
      vmid,
      storage,
      force,
      unique,
      start,
      ...options
    }: RestoreOptions) =>
      transport.call({
        ...options,
        method: 'POST',
        path: ['nodes', node, 'lxc'],
        params: { ...overrides, ostemplate: archive, restore: true, vmid, storage, force, unique, start },
        answer: upidSchema,
      }),

    async snapshots(guest: GuestRef, options: CallOptions = {}): Promise<Snapshot[]> {
      const answer = z.array(snapshot);
      const listed = await transport.call({
        ...options,
        method: 'GET',
        path: path(guest, 'snapshot'),
        answer,
      });
      return listed.filter(({ name }) => name !== 'current');
    },

    createSnapshot: (
      guest: GuestRef,
      { name, description, ...options }: CallOptions & { name: string; description?: string },
    ) =>
      transport.call({
        ...options,
        method: 'POST',
        path: path(guest, 'snapshot'),
        params: { snapname: name, description },
        answer: upidSchema,
      }),

    deleteSnapshot: (guest: GuestRef, name: string, options: CallOptions & { force?: boolean } = {}) =>
      transport.call({
        ...options,
        method: 'DELETE',
        path: path(guest, 'snapshot', name),
        params: { force: options.force },
        answer: upidSchema,
      }),

    /** Leaves a running guest stopped. */
    rollback: (guest: GuestRef, name: string, options: CallOptions = {}) =>
      transport.call({
        ...options,
        method: 'POST',
        path: path(guest, 'snapshot', name, 'rollback'),
        answer: upidSchema,
      }),
  };
}
