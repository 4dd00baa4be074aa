import type { Role } from '@tacet/protocol';
import type { Generated } from 'kysely';

/** Columns that hold JSON text say so in their name's type only; each repository parses its own by schema. */
type Json = string;

export interface GuestRow {
  id: string;
  vmid: number | null;
  identity: 'enrolled' | 'quarantined';
  /** Null for a quarantined copy: the credential that it showed is somebody else's. */
  credential_hash: string | null;
  /** Of a copy that nobody ordered, also after its adoption: whose credential it showed. */
  origin_guest_id: string | null;
  /**
   * Of such a copy: tells copies of one guest apart across reconnects. After its adoption it stays until the copy comes
   * with a credential of its own.
   */
  copy_key: string | null;
  /** Of a copy that was adopted: what it is told to make anew with each credential. */
  regenerate: Json | null;
  agent_version: string | null;
  incarnation: Json | null;
  status: Json | null;
  created_at: number;
  last_seen_at: number | null;
}

export interface DismissedCopyRow {
  origin_guest_id: string;
  copy: string;
  dismissed_at: number;
}

export interface EnrolmentRow {
  secret_hash: string;
  vmid: number;
  created_at: number;
  expires_at: number;
  used_at: number | null;
}

export interface OperationRow {
  id: string;
  kind: 'backup' | 'restore' | 'snapshot' | 'rollback' | 'drill' | 'rehearsal';
  vmid: number;
  state: 'running' | 'succeeded' | 'failed';
  started_at: number;
  finished_at: number | null;
  restored_to: number | null;
  /** What the guest was last asked to quiesce for: a thaw must name it, also after a restart of this process. */
  quiesce_id: string | null;
  /** Of a restore in place: what it restores. */
  wanted_backup_id: string | null;
  error: Json | null;
}

export interface OperationStepRow {
  operation_id: string;
  position: number;
  at: number;
  name: string;
  message: string;
}

export interface BackupRow {
  id: string;
  operation_id: string;
  vmid: number;
  node: string;
  storage: string;
  volid: string;
  size_bytes: number | null;
  started_at: number;
  finished_at: number;
  origin: 'controller' | 'hook' | 'restore';
  verdict: Json;
}

export interface RestoreOrderRow {
  id: string;
  operation_id: string;
  source_vmid: number;
  target_vmid: number;
  state: 'open' | 'adopted' | 'closed';
  /** Set while `adopted`: the guest whose new credential has not been seen in use yet. */
  guest_id: string | null;
  created_at: number;
  expires_at: number;
  /** What the copy makes anew when it is adopted. */
  regenerate: Json | null;
}

export interface NodeRequestRow {
  operation_id: string;
  position: number;
  what: 'backup' | 'hook' | 'restore' | 'start' | 'stop' | 'snapshot' | 'rollback' | 'destroy';
  node: string;
  vmid: number;
  /** Empty where none is named. */
  storage: string;
  volid: string | null;
  asked_at: number;
  known: Json | null;
  upid: string | null;
  seen: Json | null;
  /** Null where nobody asked. */
  was_running: 0 | 1 | null;
}

export interface SnapshotRow {
  operation_id: string;
  vmid: number;
  node: string;
  name: string;
  before: string;
  taken_at: number;
  verdict: Json;
}

export interface DrillRow {
  operation_id: string;
  backup_id: string;
  vmid: number;
  node: string;
  scratch_vmid: number;
  started_at: number;
  /** Null while it runs. */
  finished_at: number | null;
  outcome: 'proven' | 'started' | 'failed' | 'interrupted' | null;
  ready_after_ms: number | null;
  message: string;
}

export interface ScheduleRow {
  name: string;
  version: number;
  spec: Json;
  changed_at: number;
  decided_until: number | null;
}

export interface ScheduleRunRow {
  sequence: Generated<number>;
  id: string;
  schedule: string;
  vmid: number;
  action: 'backup' | 'drill';
  cause: 'event' | 'request';
  event_at: number;
  due_at: number;
  late: 0 | 1;
  state: 'queued' | 'started' | 'succeeded' | 'failed' | 'missed';
  message: string | null;
  operation_id: string | null;
  consistency: 'app' | 'crash' | 'unknown' | null;
  ended_at: number | null;
}

export interface KnownGuestRow {
  vmid: number;
  /** The configured node that showed it. */
  through: string;
  seen: Json;
}

export interface EventRow {
  sequence: Generated<number>;
  at: number;
  type: string;
  message: string;
  data: Json;
  guest_id: string | null;
  vmid: number | null;
}

export interface ApiTokenRow {
  name: string;
  hash: string;
  created_at: number;
  role: Role;
  /** Null where it has no end. */
  expires_at: number | null;
  last_used_at: number | null;
}

export interface AccountRow {
  name: string;
  role: Role;
  /** In the PHC's string format, with its parameters and salt. */
  password_hash: string;
  created_at: number;
  last_login_at: number | null;
  /** Who vouches for it, and as whom; null for one with a password. */
  issuer: string | null;
  subject: string | null;
}

export interface LoginRow {
  secret_hash: string;
  account: string;
  created_at: number;
  used_at: number;
}

export interface AuditRow {
  sequence: Generated<number>;
  at: number;
  who_kind: 'account' | 'token' | null;
  who_name: string | null;
  address: string;
  what: string;
  method: string;
  path: string;
  outcome: 'done' | 'refused' | 'failed';
  status: number;
  code: string | null;
}

export interface DoctorReportRow {
  slot: string;
  finished_at: number;
  report: Json;
}

export interface NotificationChannelRow {
  name: string;
  version: number;
  changed_at: number;
  spec: Json;
  /** Sealed. */
  secrets: string;
}

export interface NotificationNoticeRow {
  id: Generated<number>;
  channel: string;
  at: number;
  notice: Json;
}

export interface NotificationDeliveryRow {
  id: string;
  channel: string;
  message: Json;
  state: 'waiting' | 'sent' | 'failed';
  created_at: number;
  attempts: number;
  tried_at: number | null;
  /** Null where it is not tried again. */
  next_at: number | null;
  error: string | null;
}

export interface NotificationIncidentRow {
  kind: string;
  vmid: number;
  since: number;
  /** Zero while it has to last first. */
  told: 0 | 1;
}

export interface NotificationCursorRow {
  sequence: number;
}

export interface Tables {
  guests: GuestRow;
  dismissed_copies: DismissedCopyRow;
  enrolments: EnrolmentRow;
  operations: OperationRow;
  operation_steps: OperationStepRow;
  backups: BackupRow;
  restore_orders: RestoreOrderRow;
  node_requests: NodeRequestRow;
  snapshots: SnapshotRow;
  drills: DrillRow;
  schedules: ScheduleRow;
  schedule_runs: ScheduleRunRow;
  known_guests: KnownGuestRow;
  events: EventRow;
  api_tokens: ApiTokenRow;
  doctor_reports: DoctorReportRow;
  accounts: AccountRow;
  logins: LoginRow;
  audit: AuditRow;
  notification_channels: NotificationChannelRow;
  notification_notices: NotificationNoticeRow;
  notification_deliveries: NotificationDeliveryRow;
  notification_incidents: NotificationIncidentRow;
  notification_cursor: NotificationCursorRow;
}
