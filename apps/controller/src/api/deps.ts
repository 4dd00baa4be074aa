import type { Logger } from '@tacet/runtime';
import type { EventLog } from '../event-log.ts';
import type { Enrolment } from '../gateway/enrolment.ts';
import type { Roster } from '../gateway/roster.ts';
import type { Operations } from '../jobs/operations.ts';
import type { Store } from '../store/open-store.ts';

/** What the routes stand on. */
export interface ApiDeps {
  readonly version: string;
  readonly tokenHash: string;
  readonly store: Store;
  readonly events: EventLog;
  readonly roster: Roster;
  readonly enrolment: Enrolment;
  readonly operations: Operations;
  readonly simulation: Simulation;
  readonly log: Logger;
  /** Aborts when the controller stops. */
  readonly signal: AbortSignal;
}

/** Which of what is shown is not real. */
export interface Simulation {
  readonly nodes: readonly string[];
  isSimulated(vmid: number | null): boolean;
}
