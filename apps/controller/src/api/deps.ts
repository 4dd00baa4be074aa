import type { BlockList } from 'node:net';
import type { NodeView, Setting, ThawResult } from '@tacet/protocol';
import type { Clock, Logger } from '@tacet/runtime';
import type { Access } from '../access/access.ts';
import type { OidcDoor } from '../access/oidc-door.ts';
import type { Doctor } from '../doctor/doctor.ts';
import type { EventLog } from '../event-log.ts';
import type { Copies } from '../gateway/copies.ts';
import type { Enrolment } from '../gateway/enrolment.ts';
import type { Roster } from '../gateway/roster.ts';
import type { Operations } from '../jobs/operations.ts';
import type { ScheduleDesk } from '../schedules/schedule-desk.ts';
import type { Metrics } from '../metrics/metrics.ts';
import type { NotificationDesk } from '../notifications/notification-desk.ts';
import type { Store } from '../store/open-store.ts';

/** What the routes stand on. */
export interface ApiDeps {
  readonly access: Access;
  /** Undefined where no OpenID provider is configured. */
  readonly oidc?: OidcDoor | undefined;
  readonly clock: Clock;
  readonly metrics: Metrics;
  readonly web: Web;
  readonly version: string;
  readonly store: Store;
  readonly events: EventLog;
  readonly roster: Roster;
  readonly enrolment: Enrolment;
  readonly copies: Copies;
  readonly operations: Operations;
  /** Ends whatever is held in a guest. @throws Failure */
  readonly thawNow: (vmid: number) => Promise<ThawResult>;
  readonly schedules: ScheduleDesk;
  readonly notifications: NotificationDesk;
  readonly doctor: Doctor;
  readonly simulation: Simulation;
  readonly installation: Installation;
  readonly log: Logger;
  /** Aborts when the controller stops. */
  readonly signal: AbortSignal;
}

/** How this controller is set up. */
export interface Installation {
  readonly settings: readonly Setting[];
  nodes(signal: AbortSignal): Promise<NodeView[]>;
}

/** Which of what is shown is not real. */
export interface Simulation {
  readonly nodes: readonly string[];
  isSimulated(vmid: number | null): boolean;
}

/** How browsers and other clients come here. */
export interface Web {
  /** `https://name` as browsers write it, where a reverse proxy has another than this controller sees. */
  readonly publicOrigin: string | undefined;
  readonly trustedProxies: BlockList;
  readonly metricsFromLoopback: boolean;
  /** For how long a browser keeps its cookie. */
  readonly loginMaxMs: number;
  /** Absolute: where the dashboard was built to. */
  readonly dashboardDir: string;
}
