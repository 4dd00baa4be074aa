import type { GuestStatus, RequestMethod, RequestParams, RequestResult } from '@tacet/protocol';
import type {
  FollowOptions,
  LxcConfig,
  Permissions,
  Snapshot,
  StorageStatus,
  TaskOutcome,
  TaskPoll,
  Upid,
} from '@tacet/proxmox';

/** What jobs need of agents; the gateway in production. */
export interface AgentPort {
  presence(vmid: number): 'connected' | 'not-connected' | 'quarantined';
  /**
   * Sends at once. @throws Failure with the agent's code, or `guest-not-connected` as soon as its session ends;
   * DeadlineError; the signal's reason.
   */
  request<M extends RequestMethod>(
    vmid: number,
    method: M,
    params: RequestParams<M>,
    options: { deadlineMs: number; signal: AbortSignal },
  ): Promise<RequestResult<M>>;
  /** The enrolled guest's newest picture; `session` is null while nobody is connected. */
  picture(vmid: number): { readonly session: object | null; readonly status: GuestStatus } | undefined;
  /** Resolves when any guest's picture has changed. */
  nextChange(signal: AbortSignal): Promise<void>;
}

/** Where guests live. */
export interface NodesPort {
  /** The node on which the guest is now. @throws Failure `not-found` or `node-unreachable` */
  locate(vmid: number, signal: AbortSignal): Promise<NodePort>;
  /** For what concerns a guest: of a restore, its source. @throws Failure `not-found` */
  byName(name: string, vmid: number): NodePort;
  /** Whether any node shows a guest of this VMID. */
  exists(vmid: number, signal: AbortSignal): Promise<boolean>;
}

/** As Proxmox VE names them. */
export type TaskType =
  | 'vzdump'
  | 'vzrestore'
  | 'vzstart'
  | 'vzshutdown'
  | 'vzsnapshot'
  | 'vzrollback'
  | 'vzdestroy';

/** What a restore is asked for with, whatever its purpose. */
export interface RestoreCall {
  readonly volid: string;
  readonly vmid: number;
  readonly storage: string;
  /** In place of a stopped guest of this VMID. */
  readonly replace?: boolean;
  /** The MAC addresses of the backup instead of new ones. */
  readonly keepMacs?: boolean;
  /** Configuration instead of the backup's, as `{net0: '…'}`. */
  readonly overrides?: Readonly<Record<string, string>>;
}

/** What a killed vzdump leaves on a guest, and a running one has on it. */
export interface GuestMarks {
  /** `backup` for vzdump's. */
  readonly lock: string | undefined;
  /** By name; `vzdump` is vzdump's own. */
  readonly snapshots: readonly string[];
}

export interface HeldGrants {
  /** `USER@REALM!TOKENID` */
  readonly tokenId: string;
  readonly permissions: Permissions;
}

export interface StartedTask {
  readonly upid: Upid;
  /** Every poll that succeeded, until the task has stopped; see `followTask`. */
  follow(
    options: Pick<FollowOptions, 'signal' | 'deadlineMs' | 'pollMs' | 'onPollError'>,
  ): AsyncIterable<TaskPoll>;
  /** The same without the polls. */
  wait(options: Pick<FollowOptions, 'signal' | 'deadlineMs'>): Promise<TaskOutcome>;
  /** As `stop` of the tasks; whoever started a task may stop it. */
  stop(signal: AbortSignal): Promise<void>;
}

export interface BackupOrder {
  readonly vmid: number;
  readonly storage: string;
  readonly mode: 'snapshot' | 'suspend' | 'stop';
  /** As vzdump takes it; that of the storage when undefined. */
  readonly pruneBackups: string | undefined;
  /** Whatever the storage's retention says, no older backup is removed for this one. */
  readonly keepOthers?: boolean;
}

/** What jobs need of one node; errors are those of `@tacet/proxmox`. */
export interface NodePort {
  readonly name: string;
  readonly backupStorage: string;
  readonly pollMs: number;
  /** False without an operator-tier token. */
  readonly canRestore: boolean;
  canSnapshot(vmid: number, signal: AbortSignal): Promise<boolean>;
  /** What the guest's token holds on these paths, each with an entry that is exact. */
  grantsOn(paths: readonly string[], signal: AbortSignal): Promise<HeldGrants>;
  storageStatus(storage: string, signal: AbortSignal): Promise<Pick<StorageStatus, 'content' | 'enabled'>>;
  /** Whether it is the same storage on every node. */
  storageIsShared(storage: string, signal: AbortSignal): Promise<boolean>;
  /** A vzdump that does not wait for the node's lock. @throws GuestNotHereError */
  startBackup(order: BackupOrder, signal: AbortSignal): Promise<StartedTask>;
  /** Whether a vzdump runs there that the guest's token may see: any with `Sys.Audit`, else its own. */
  isBackingUp(signal: AbortSignal): Promise<boolean>;
  /** The tasks about a guest that this controller's token for such tasks has started, oldest first. */
  ownTasks(type: TaskType, vmid: number, signal: AbortSignal): Promise<readonly StartedTask[]>;
  /** A task that was started before. */
  task(type: TaskType, upid: string): StartedTask;
  marks(vmid: number, signal: AbortSignal): Promise<GuestMarks>;
  backupAttributes(
    volid: string,
    signal: AbortSignal,
  ): Promise<{ readonly sizeBytes: number; readonly notes: string }>;
  setNotes(volid: string, notes: string, signal: AbortSignal): Promise<void>;
  /** Where restored disks go unless told: what is configured, else where the source's root disk is. */
  restoreStorage(sourceVmid: number, signal: AbortSignal): Promise<string>;
  startRestore(call: RestoreCall, signal: AbortSignal): Promise<StartedTask>;
  isRunning(vmid: number, signal: AbortSignal): Promise<boolean>;
  startGuest(vmid: number, signal: AbortSignal): Promise<StartedTask>;
  /** In order, and by force where that takes too long. */
  shutDownGuest(vmid: number, signal: AbortSignal): Promise<StartedTask>;
  /** Only of what is known to be this controller's own. */
  destroyGuest(vmid: number, signal: AbortSignal): Promise<StartedTask>;
  guestConfig(vmid: number, signal: AbortSignal): Promise<LxcConfig>;
  /** In place of the tags that it has. */
  tagGuest(vmid: number, tags: string, signal: AbortSignal): Promise<void>;
  /** Whether no guest has it, be it one that no token sees. */
  isFree(vmid: number, signal: AbortSignal): Promise<boolean>;
  /** Of the guest whose backup it is, as it was then. */
  archivedConfig(volid: string, signal: AbortSignal): Promise<LxcConfig>;
  availableBytes(storage: string, signal: AbortSignal): Promise<number>;
  snapshots(vmid: number, signal: AbortSignal): Promise<readonly Snapshot[]>;
  takeSnapshot(
    vmid: number,
    snapshot: { name: string; description: string },
    signal: AbortSignal,
  ): Promise<StartedTask>;
  /** Leaves a running guest stopped. */
  rollBack(vmid: number, name: string, signal: AbortSignal): Promise<StartedTask>;
}
