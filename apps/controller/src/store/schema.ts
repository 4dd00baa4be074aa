import type { Generated } from 'kysely';

/** Columns that hold JSON text say so in their name's type only; each repository parses its own by schema. */
type Json = string;

export interface GuestRow {
  id: string;
  vmid: number | null;
  identity: 'enrolled' | 'quarantined';
  /** Null for a quarantined copy: the credential that it showed is somebody else's. */
  credential_hash: string | null;
  /** Of a quarantined copy: whose credential it showed. */
  origin_guest_id: string | null;
  /** Of a quarantined copy: tells copies of one guest apart across reconnects. */
  copy_key: string | null;
  agent_version: string | null;
  incarnation: Json | null;
  status: Json | null;
  created_at: number;
  last_seen_at: number | null;
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
  kind: 'backup' | 'restore';
  vmid: number;
  state: 'running' | 'succeeded' | 'failed';
  started_at: number;
  finished_at: number | null;
  restored_to: number | null;
  /** What the guest was last asked to quiesce for: a thaw must name it, also after a restart of this process. */
  quiesce_id: string | null;
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
  origin: 'controller' | 'hook';
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
}

export interface NodeRequestRow {
  operation_id: string;
  position: number;
  what: 'backup' | 'hook' | 'restore' | 'start';
  node: string;
  vmid: number;
  /** Empty where none is named. */
  storage: string;
  volid: string | null;
  asked_at: number;
  known: Json | null;
  upid: string | null;
  seen: Json | null;
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
}

export interface Tables {
  guests: GuestRow;
  enrolments: EnrolmentRow;
  operations: OperationRow;
  operation_steps: OperationStepRow;
  backups: BackupRow;
  restore_orders: RestoreOrderRow;
  node_requests: NodeRequestRow;
  events: EventRow;
  api_tokens: ApiTokenRow;
}
