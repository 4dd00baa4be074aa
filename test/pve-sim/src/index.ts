export type {
  AclOptions,
  LockMoment,
  PveSimOptions,
  SimTiming,
  StorageOptions,
  TokenOptions,
  UserOptions,
} from './options.ts';
export { DEFAULT_TIMING } from './options.ts';
export {
  type ArchiveFile,
  type ArchiveFiles,
  ArchiveGarbageError,
  type ArchiveJob,
  ArchiveTruncatedError,
  type ArchiveWritten,
  type GuestBackend,
  type GuestSeed,
  type GuestState,
  type RestoreJob,
  type SyncJob,
} from './backend.ts';
export type { GuestConfig } from './guests/config.ts';
export {
  type ContentFactory,
  type GuestContent,
  MemoryBackend,
  type MemoryBackendOptions,
  type MemoryGuest,
} from './memory/memory-backend.ts';
export { type NodeFault, type PveSim, startPveSim } from './sim.ts';
export { LabBackend, labStorages } from './lab/lab-backend.ts';
export { selfSignedCertificate } from './tls.ts';
