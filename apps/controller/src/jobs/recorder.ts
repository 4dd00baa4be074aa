/** Where a job says what it does, as it does it. Never fails and never waits: a stall does not wait for a disk. */
export interface Recorder {
  readonly operationId: string;
  step(name: string, message: string): void;
  /** The guest is about to be asked to quiesce under this id. */
  quiescing(quiesceId: string): void;
}
