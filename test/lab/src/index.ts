// The lab: real unprivileged LXC guests with real Docker inside, on a plain Debian machine.
export { labObstacle } from './obstacle.ts';
export { openLab } from './open-lab.ts';
export { takeDown } from './take-down.ts';
export { lxcInitPid } from './guest/lxc-process.ts';
export { openAckCollector } from './ack-collector.ts';
export { checkEngines, type EngineCheck } from './checks/engine-checks.ts';
export { checkFiles, type FileCheck, type FileState } from './checks/file-checks.ts';
export { findMissingWrites } from './missing-writes.ts';
export { bridge, defaultAckPort, guestAddress, guestMac, uniqueMac } from './addresses.ts';
export { compose, containerStates, stack, startDatabases, startStack } from './stack.ts';
export { type Stack, stacks, type StreamPlace, streamsOf, volumePath } from './stacks.ts';
export type {
  AckCollector,
  Acknowledgement,
  ArchiveResult,
  ExecOptions,
  ExecResult,
  Guest,
  GuestStatus,
  Lab,
  LabProgress,
  MissingWrites,
  OpenLabOptions,
  RestoreSource,
  SnapshotHooks,
  SnapshotTimings,
  StackName,
  WriteStream,
} from './types.ts';
