import type { GuestBackend } from './backend.ts';

export interface StorageOptions {
  readonly storage: string;
  /** What the storage's plugin is; it decides whether volumes can be snapshotted. */
  readonly type: 'dir' | 'nfs' | 'btrfs' | 'lvmthin' | 'zfspool';
  /** Any of `backup`, `rootdir`, `images`, `vztmpl`, `iso`, `snippets`. */
  readonly content: readonly string[];
  /** Where the storage lies on the node; backups go to `<path>/dump`. */
  readonly path: string;
  readonly disabled?: boolean;
  readonly shared?: boolean;
  /** `is_mountpoint` is set on the storage and the directory is not mounted. */
  readonly notMounted?: boolean;
  readonly totalBytes?: number;
}

export interface TokenOptions {
  readonly tokenid: string;
  /** Default true, as in Proxmox VE. */
  readonly privsep?: boolean;
  readonly comment?: string;
  /** Epoch seconds; 0 is never. */
  readonly expire?: number;
  /** A fixed secret, for tests; a random one otherwise. */
  readonly secret?: string;
}

export interface UserOptions {
  readonly userid: string;
  readonly password?: string;
  readonly enable?: boolean;
  /** Epoch seconds; 0 is never. */
  readonly expire?: number;
  readonly tokens?: readonly TokenOptions[];
}

export interface AclOptions {
  readonly path: string;
  readonly role: string;
  /** `user@realm` or `user@realm!token`. */
  readonly to: string;
  /** Default true. */
  readonly propagate?: boolean;
}

/** What a vzdump for these guests does with the lock of its node. */
export interface LockMoment {
  readonly kind: 'taken' | 'refused' | 'waiting' | 'released';
  readonly node: string;
  readonly vmids: readonly number[];
}

export interface PveSimOptions {
  readonly backend: GuestBackend;
  /** The address to listen on. Default `127.0.0.1`. */
  readonly address?: string;
  /** Default 0: any free port. */
  readonly port?: number;
  /** More addresses and names for the certificate, besides `127.0.0.1` and `localhost`. */
  readonly certificateNames?: readonly string[];
  /** Default `['pve1']`. The first is the node that answers. */
  readonly nodes?: readonly string[];
  /** Default: a `dir` storage `local` for backups, which cannot snapshot. */
  readonly storages?: readonly StorageOptions[];
  /** `root@pam` always exists; name it here to give it a password or tokens. */
  readonly users?: readonly UserOptions[];
  /** Role id to privileges, besides the built-in roles. */
  readonly roles?: Readonly<Record<string, readonly string[]>>;
  readonly acl?: readonly AclOptions[];
  /** Pool to the guests in it. */
  readonly pools?: Readonly<Record<string, readonly number[]>>;
  /** `script:` of /etc/vzdump.conf: an absolute path on this machine. */
  readonly hookScript?: string;
  /** Called at every moment of a node's one vzdump lock, in their order. */
  readonly onLock?: (moment: LockMoment) => void;
  /** `lockwait:` of /etc/vzdump.conf, in minutes. Default 180. */
  readonly lockwaitMinutes?: number;
  readonly bridges?: readonly string[];
  readonly timing?: Partial<SimTiming>;
  /** Aborting it closes the simulator. */
  readonly signal?: AbortSignal;
}

/** Every wait of the simulator. Those whose length a client depends on default to the real one. */
export interface SimTiming {
  /** How long a 401 is held back. Real: 3000. */
  readonly authDelayMs: number;
  /** From SIGTERM to SIGKILL of an aborted task. Real: 5000. */
  readonly killAfterMs: number;
  /** One minute of `lockwait`. Real: 60 000. */
  readonly lockwaitMinuteMs: number;
  /** When pveproxy gives up on a daemon that does not answer, with 596. Real: 30 000. */
  readonly proxyTimeoutMs: number;
  /** How long `No route to host` takes. Real: about 3100. */
  readonly noRouteMs: number;
  /** From `TASK OK` in the log to `stopped` in the status. Real: 50–150. */
  readonly statusLagMs: number;
  /** From the UPID to the first line of the log; until then the log says `no content`. Real: 50–300. */
  readonly forkMs: number;
}

export const DEFAULT_TIMING: SimTiming = {
  authDelayMs: 3_000,
  killAfterMs: 5_000,
  lockwaitMinuteMs: 60_000,
  proxyTimeoutMs: 30_000,
  noRouteMs: 3_100,
  statusLagMs: 60,
  forkMs: 60,
};
