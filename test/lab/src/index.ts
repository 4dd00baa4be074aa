// The lab: real unprivileged LXC guests with real Docker inside, on a plain Debian machine.
export { labObstacle } from './obstacle.ts';
export { openLab } from './open-lab.ts';
export { takeDown } from './take-down.ts';
export { lxcInitPid } from './guest/lxc-process.ts';
export { openAckCollector } from './ack-collector.ts';
export { findMissingWrites } from './missing-writes.ts';
export { bridge, defaultAckPort, guestAddress, guestMac, uniqueMac } from './addresses.ts';
export { compose, containerStates, stack, startStack } from './stack.ts';
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
  SnapshotHooks,
  SnapshotTimings,
  WriteStream,
} from './types.ts';
