import type { BackupObservation } from '@tacet/core';
import type { NewNodeRequest } from '../store/node-requests.ts';

/**
 * Where a job says what it does, as it does it. Never fails, and but for `asking` and `written` never waits: a stall
 * does not wait for a disk.
 */
export interface Recorder {
  readonly operationId: string;
  step(name: string, message: string): void;
  /** Resolves when all that was said until now is written, or could not be. */
  written(): Promise<void>;
  /** The guest is about to be asked to quiesce under this id. */
  quiescing(quiesceId: string): void;
  /**
   * A node is about to be asked for a task. Resolves when that is written, or could not be; where the task destroys
   * something it rejects then, and is not to be asked for.
   */
  asking(request: NewNodeRequest): Promise<void>;
  /** The task that has come of what was asked last, and what of a backup had been seen until then. */
  accepted(upid: string, seen?: BackupObservation): void;
  /** What has been seen by now: a controller that comes back goes on from there. */
  observed(seen: BackupObservation): void;
}
