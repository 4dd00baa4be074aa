import type { GuestFacts as SeenByAgent, HookSettings } from '@tacet/protocol';
import type { LxcConfig, Permissions, StorageStatus } from '@tacet/proxmox';
import type { Attempt } from './attempt.ts';

/** One token, as the node answers it. */
export interface TokenFacts {
  /** `user@realm!token` */
  readonly id: string;
  readonly tier: 'guest' | 'shared' | 'restore';
  /** Its own: what both it and its user were granted. */
  readonly permissions: Attempt<Permissions>;
  /** Who was granted something on which path; empty where it may not see that, which is the rule. */
  readonly acl: readonly { readonly path: string; readonly holderId: string }[];
}

/** The node's clock, read between two moments of the controller's. */
export interface ClockFacts {
  readonly nodeMs: number | undefined;
  readonly sentAtMs: number;
  readonly receivedAtMs: number;
}

export type HookFacts =
  /** The controller cannot see the node's files. */
  | { readonly kind: 'elsewhere' }
  | { readonly kind: 'unreadable'; readonly because: string }
  | {
      readonly kind: 'seen';
      /** What vzdump's configuration names; empty where it names none. */
      readonly configured: string;
      /** Of that script: whether vzdump could run it, and what Tacet's has in its head. */
      readonly runnable: Attempt<void>;
      readonly settings: HookSettings | undefined;
      readonly vzdumpConf: string;
      /** Where this controller listens. */
      readonly socket: string;
    };

/** A node that is configured. */
export interface NodeFacts {
  readonly name: string;
  readonly url: string;
  readonly trust: 'fingerprint' | 'ca';
  readonly clock: Attempt<ClockFacts>;
  readonly shared: TokenFacts | undefined;
  readonly restore: TokenFacts | undefined;
  readonly hook: HookFacts;
  /** Of guests whose backups and restores go through it. */
  readonly guests: readonly number[];
}

/** The storage of backups, as seen from a node that has guests. */
export interface StorageFacts {
  readonly node: string;
  readonly storage: string;
  readonly status: Attempt<StorageStatus>;
}

/** Something that a guest's token must not be able to do, and was made to try. It reads only. */
export interface BoundaryTry {
  readonly what: string;
  readonly outcome: Attempt<void>;
}

export interface AgentFacts {
  readonly connected: boolean;
  readonly version: string | null;
  /** `EngineReachable` of its conditions. */
  readonly engineReachable: { readonly status: string; readonly message: string } | undefined;
  readonly seen: SeenByAgent | undefined;
}

/** Where a guest is now. */
export interface Place {
  readonly node: string;
  readonly type: 'lxc' | 'qemu';
}

export interface GuestFacts {
  readonly vmid: number;
  /** The configured node through which it is asked; in a cluster not always the one that it is on. */
  readonly speaker: string;
  /** The value is undefined where no node shows it. */
  readonly place: Attempt<Place | undefined>;
  /** Its own, or one for all. */
  readonly token: TokenFacts | undefined;
  readonly restore: TokenFacts | undefined;
  /** Where its backups go. */
  readonly backupStorage: string;
  /** Where its restored disks go; left out, where they are now. */
  readonly restoreStorage: string | undefined;
  readonly config: Attempt<LxcConfig>;
  /** Whether every volume can snapshot. */
  readonly canSnapshot: Attempt<boolean>;
  readonly boundary: readonly BoundaryTry[];
  /** Undefined where none was ever enrolled. */
  readonly agent: AgentFacts | undefined;
}

/** Everything that is judged, gathered once. */
export interface HouseFacts {
  readonly controllerVersion: string;
  /** Whether a schedule says what Proxmox VE shall keep, which takes a privilege of its own. */
  readonly hasRetention: boolean;
  readonly nodes: readonly NodeFacts[];
  readonly storages: readonly StorageFacts[];
  readonly guests: readonly GuestFacts[];
}
