import {
  type Backup,
  type ConditionStatus,
  conditionStatusSchema,
  type Consistency,
  consistencySchema,
  type Event,
  type Operation,
  operationSchema,
  protocolVersion,
  type ServiceEvidence,
} from '@tacet/protocol';
import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import { conditionsOf, type Roster } from '../gateway/roster.ts';
import type { Store } from '../store/open-store.ts';
import { processMetrics } from './process-metrics.ts';

export interface MetricsOptions {
  readonly version: string;
  readonly store: Pick<Store, 'census' | 'logins' | 'notificationOutbox'>;
  readonly roster: Roster;
  readonly running: () => readonly Operation[];
  /** By VMID, as the doctor last found it. */
  readonly backupReady: () => Promise<ReadonlyMap<number, { readonly status: ConditionStatus }>>;
}

/** From what nobody notices to what every user does. */
const STALL_BUCKETS_S = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];
const OPERATION_BUCKETS_S = [1, 5, 15, 60, 300, 900, 3600, 10_800, 43_200];
const REQUEST_BUCKETS_S = [0.005, 0.025, 0.1, 0.5, 2.5, 10, 30];

/** What Prometheus may ask. Counters begin anew with the process; everything else is looked at when it is asked for. */
export class Metrics {
  readonly #options: MetricsOptions;
  readonly #registry = new Registry();
  /** By guest and consistency, in seconds since 1970. */
  readonly #newestBackups = new Map<number, Map<Consistency, number>>();
  readonly #verdicts = this.#counter('tacet_backup_verdicts_total', 'Backups by what they are worth', [
    'consistency',
  ]);
  readonly #events = this.#counter('tacet_events_total', 'Events of the log by type', ['type']);
  readonly #leaseExpiries = this.#counter(
    'tacet_lease_expiries_total',
    'Holds that ended because their lease expired',
    [],
  );
  readonly #stalls = this.#histogram(
    'tacet_service_stall_seconds',
    'How long the writes of a service were blocked by a backup, by the method that quiesced it',
    ['method'],
    STALL_BUCKETS_S,
  );
  readonly #operations = this.#histogram(
    'tacet_operation_duration_seconds',
    'How long operations took, by kind and how they ended',
    ['kind', 'state'],
    OPERATION_BUCKETS_S,
  );
  readonly #notifications = this.#counter(
    'tacet_notifications_total',
    'Attempts to send a notification, by channel and how they ended',
    ['channel', 'outcome'],
  );
  readonly #requests = this.#histogram(
    'tacet_http_request_duration_seconds',
    'How long the beginning of an answer took, by route',
    ['method', 'route', 'code'],
    REQUEST_BUCKETS_S,
  );

  private constructor(options: MetricsOptions) {
    this.#options = options;
    // There from the start, or the first one would be no increase.
    for (const consistency of consistencySchema.options) this.#verdicts.inc({ consistency }, 0);
    this.#leaseExpiries.inc(0);
    this.#gauges();
    processMetrics(this.#registry);
  }

  static async create(options: MetricsOptions): Promise<Metrics> {
    const metrics = new Metrics(options);
    for (const newest of await options.store.census.newestBackups()) metrics.#remember(newest);
    return metrics;
  }

  get contentType(): string {
    return this.#registry.contentType;
  }

  async text(): Promise<string> {
    return await this.#registry.metrics();
  }

  event({ type }: Event): void {
    this.#events.inc({ type });
    if (type === 'lease.expired') this.#leaseExpiries.inc();
  }

  ended({ kind, state, startedAt, finishedAt, backup }: Operation): void {
    const durationMs = Math.max(0, (finishedAt ?? startedAt) - startedAt);
    this.#operations.observe({ kind, state }, durationMs / 1000);
    if (kind === 'backup' && backup !== null) this.#backup(backup);
  }

  notified(channel: string, outcome: 'sent' | 'retried' | 'failed'): void {
    this.#notifications.inc({ channel, outcome });
  }

  request(labels: { method: string; route: string; code: number }, durationMs: number): void {
    this.#requests.observe(labels, durationMs / 1000);
  }

  #backup({ vmid, finishedAt, verdict }: Backup): void {
    const { consistency } = verdict;
    this.#verdicts.inc({ consistency });
    this.#remember({ vmid, consistency, finishedAt });
    for (const service of verdict.services) {
      const stallMs = stallOf(service);
      if (stallMs !== undefined) this.#stalls.observe({ method: service.method }, stallMs / 1000);
    }
  }

  #remember(newest: { vmid: number; consistency: Consistency; finishedAt: number }): void {
    const { vmid, consistency, finishedAt } = newest;
    const known = this.#newestBackups.get(vmid) ?? new Map<Consistency, number>();
    known.set(consistency, Math.max(known.get(consistency) ?? 0, finishedAt / 1000));
    this.#newestBackups.set(vmid, known);
  }

  #gauges(): void {
    const { version, store, roster, running } = this.#options;
    this.#gauge(
      'tacet_build_info',
      'Which controller this is; always 1',
      ['version', 'protocol'],
      (gauge) => {
        gauge.set({ version, protocol: protocolVersion }, 1);
      },
    );
    this.#gauge('tacet_agent_sessions', 'Agents that are connected', [], (gauge) => {
      gauge.set(roster.sessionCount);
    });
    this.#gauge('tacet_logins', 'Browsers that are signed in', [], async (gauge) => {
      gauge.set(await store.logins.count());
    });
    this.#gauge(
      'tacet_notifications_waiting',
      'What is to be told and is not sent yet, by channel; absent where nothing waits',
      ['channel'],
      async (gauge) => {
        for (const [channel, count] of await store.notificationOutbox.waiting())
          gauge.set({ channel }, count);
      },
    );
    this.#gauge('tacet_operations_running', 'Operations that are under way, by kind', ['kind'], (gauge) => {
      for (const kind of operationSchema.shape.kind.options) gauge.set({ kind }, 0);
      for (const { kind } of running()) gauge.inc({ kind });
    });
    this.#gauge('tacet_guests', 'Guests that are known, by identity', ['identity'], async (gauge) => {
      for (const identity of ['enrolled', 'quarantined']) gauge.set({ identity }, 0);
      for (const { identity } of await store.census.guests()) gauge.inc({ identity });
    });
    this.#gauge('tacet_guests_held', 'Guests whose writes are blocked now', [], (gauge) => {
      const held = roster
        .all()
        .filter(({ session, status }) => session !== null && isHeld(status.quiesceState));
      gauge.set(held.length);
    });
    this.#gauge(
      'tacet_guest_connected',
      'Whether the agent of an enrolled guest is connected',
      ['vmid'],
      async (gauge) => {
        for (const vmid of await this.#enrolled()) {
          gauge.set({ vmid }, roster.enrolled(vmid)?.session == null ? 0 : 1);
        }
      },
    );
    this.#gauge(
      'tacet_guest_condition',
      'Ready and BackupReady of enrolled guests: 1 for the status that each has, 0 for the others',
      ['vmid', 'type', 'status'],
      (gauge) => this.#conditions(gauge),
    );
    this.#gauge(
      'tacet_guest_newest_backup_timestamp_seconds',
      'When the newest backup of an enrolled guest was finished, by what it is worth; absent where there is none',
      ['vmid', 'consistency'],
      async (gauge) => {
        for (const vmid of await this.#enrolled()) {
          const newest = this.#newestBackups.get(vmid) ?? [];
          for (const [consistency, seconds] of newest) gauge.set({ vmid, consistency }, seconds);
        }
      },
    );
  }

  async #conditions(gauge: Gauge): Promise<void> {
    const { roster, backupReady } = this.#options;
    const set = (vmid: number, type: string, has: ConditionStatus): void => {
      for (const status of conditionStatusSchema.options) {
        gauge.set({ vmid, type, status }, status === has ? 1 : 0);
      }
    };
    for (const { vmid, identity, status, session, lastSeenAt } of roster.all()) {
      if (vmid === null || identity !== 'enrolled') continue;
      const conditions = conditionsOf(status, session !== null, lastSeenAt);
      const ready = conditions.find(({ type }) => type === 'Ready');
      if (ready !== undefined) set(vmid, 'Ready', ready.status);
    }
    const enrolled = new Set(await this.#enrolled());
    for (const [vmid, { status }] of await backupReady()) {
      if (enrolled.has(vmid)) set(vmid, 'BackupReady', status);
    }
  }

  async #enrolled(): Promise<number[]> {
    const guests = await this.#options.store.census.guests();
    return guests.flatMap(({ vmid, identity }) => (identity === 'enrolled' && vmid !== null ? [vmid] : []));
  }

  #counter(name: string, help: string, labelNames: readonly string[]): Counter {
    return new Counter({ name, help, labelNames, registers: [this.#registry] });
  }

  #histogram(
    name: string,
    help: string,
    labelNames: readonly string[],
    buckets: readonly number[],
  ): Histogram {
    return new Histogram({ name, help, labelNames, buckets: [...buckets], registers: [this.#registry] });
  }

  /** @param look sets it anew, at each scrape */
  #gauge(
    name: string,
    help: string,
    labelNames: readonly string[],
    look: (gauge: Gauge) => void | Promise<void>,
  ): void {
    const gauge: Gauge = new Gauge({
      name,
      help,
      labelNames,
      registers: [this.#registry],
      collect: async () => {
        gauge.reset(); // a guest that is gone leaves nothing behind
        await look(gauge);
      },
    });
  }
}

/** As a probe saw it, else from the first hold to the thaw; undefined where nobody saw the thaw. */
function stallOf(service: ServiceEvidence): number | undefined {
  if (service.probeStallMs !== null) return service.probeStallMs;
  return service.thawedAt === null ? undefined : Math.max(0, service.thawedAt - service.holdStartedAt);
}

function isHeld(state: string): boolean {
  return state === 'holding' || state === 'held' || state === 'thawing';
}
