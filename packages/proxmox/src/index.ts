export { connect, type ProxmoxClient } from './client.ts';
export { logIn, type LoginOptions } from './login.ts';
export type { CallOptions, ConnectionOptions, EndpointOptions, Params } from './transport.ts';
export type { Trust } from './trust.ts';
export {
  ForbiddenError,
  GuestNotHereError,
  InvalidParametersError,
  MissingError,
  NotImplementedError,
  ProxmoxError,
  type ProxmoxErrorCode,
  ServerError,
  TaskFailedError,
  TrustError,
  UnauthorizedError,
  UnexpectedAnswerError,
  UnreachableError,
} from './errors.ts';
export type { ClockReading, ClusterApi, GuestResource } from './cluster.ts';
export type { AccessApi, AclEntry, Grant, ListedToken, Role, User } from './access.ts';
export { lackingForBackup, type LackingGrant } from './backup-grants.ts';
export { holdsPrivilege, type Permissions } from './permissions.ts';
export {
  copyNetworkRole,
  guestRole,
  powerRole,
  restoreRole,
  type RoleWish,
  scratchRole,
  tacetRoles,
  targetRole,
} from './tacet-roles.ts';
export type {
  DestroyOptions,
  GuestRef,
  GuestStatus,
  LxcApi,
  RestoreOptions,
  ShutdownOptions,
  Snapshot,
} from './lxc.ts';
export {
  type LxcConfig,
  type MountPoint,
  parseArchivedConfig,
  parseProperties,
  printProperties,
} from './lxc-config.ts';
export type {
  ListedStorage,
  StorageApi,
  StorageStatus,
  Volume,
  VolumeAttributes,
  VolumeRef,
} from './storage.ts';
export { parseUpid, type Upid, type UpidParts, upidSchema } from './upid.ts';
export type { ListedTask, TaskFilter, TaskLine, TasksApi, TaskStatus } from './tasks.ts';
export { followTask, type FollowOptions, type TaskPoll } from './follow-task.ts';
export { requireSuccess, type TaskOutcome, taskOutcome, waitForTask } from './task-outcome.ts';
export { type VzdumpApi, type VzdumpDefaults, type VzdumpMode, type VzdumpOptions } from './vzdump.ts';
export { configuredScript, withScript } from './vzdump-conf.ts';
export { parseVzdumpLine, type VzdumpEvent } from './vzdump-log.ts';
