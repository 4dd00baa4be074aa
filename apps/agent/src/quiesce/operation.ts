import type { QuiescePlan, QuiesceState, ReleasedBy, RequestResult, ServiceFailure } from '@tacet/protocol';
import type { DiscoveredService } from '../discovery/compose.ts';
import type { QuiesceRecord } from '../journal/schemas.ts';
import { inheritedHold } from '../methods/make-method.ts';
import type { MethodPorts, ServiceHold } from '../methods/method.ts';
import { Evidence } from './evidence.ts';
import type { HeldLease } from './held-lease.ts';
import type { PreparedService } from './prepared-service.ts';
import type { StallProbe } from './stall-probe.ts';

/** What survives the end of the boot in which it was held. */
const survivesBoot: ReadonlySet<string> = new Set(['stop', 'exec']);

/** One quiesce from prepare to thaw. It lives in memory; what must outlive it stands in the journal. */
export class Operation {
  readonly id: string;
  /** Aborts when the release begins: nothing new is held after that. */
  readonly abort = new AbortController();
  plan: QuiescePlan = { services: [], steps: [], uncovered: [] };
  services: DiscoveredService[] = [];
  /** By container. */
  readonly prepared = new Map<string, PreparedService>();
  preparing: Promise<RequestResult<'prepare'>> | undefined;
  holding: Promise<RequestResult<'hold'>> | undefined;
  releasing: Promise<RequestResult<'thaw'>> | undefined;
  lease: HeldLease | undefined;
  armedAt = 0;
  /** In the order of holding. */
  steps: ServiceHold[][] = [];
  /** Those whose hold has at least begun: they are owed a thaw. */
  readonly attempted = new Set<ServiceHold>();
  readonly evidence = new Evidence();
  /** By container. */
  readonly probes = new Map<string, StallProbe>();
  /** What ran during the hold without being held. */
  unheld: readonly ServiceFailure[] = [];
  releasedBy: ReleasedBy | null = null;

  constructor(id: string) {
    this.id = id;
  }

  /**
   * What an earlier process may have held: all of it is owed a thaw. Of another boot that is only what was
   * stopped and what a command did: a frozen cgroup, a paused container, a paused Redis and every lock of a
   * session ended with it (seen with Docker 26).
   */
  static fromRecord(record: QuiesceRecord, ports: MethodPorts, sameBoot: boolean): Operation {
    const operation = new Operation(record.operationId);
    operation.armedAt = record.armedAt;
    const owed = sameBoot
      ? record.steps
      : record.steps.map((step) =>
          step.filter(({ action, method }) => survivesBoot.has(action === 'lock' ? method : action)),
        );
    operation.steps = owed.map((step) =>
      step.map((hold) => inheritedHold(hold, ports, record.lease.expiresAt)),
    );
    for (const hold of operation.steps.flat()) operation.attempted.add(hold);
    return operation;
  }

  toRecord(state: QuiesceState, bootId: string): QuiesceRecord {
    return {
      version: 2,
      operationId: this.id,
      state,
      bootId,
      armedAt: this.armedAt,
      lease: this.lease?.record ?? { grantedAt: 0, expiresAt: 0, ceilingAt: 0 },
      steps: this.steps.map((step) => step.map(({ record }) => record)),
    };
  }

  /** To a thaw, with what is still held. */
  answer(unthawed: ReadonlyMap<ServiceHold, ServiceFailure>): RequestResult<'thaw'> {
    return {
      releasedBy: this.releasedBy,
      thawed: unthawed.size === 0,
      services: this.evidence.services(this.plan, this.prepared, this.probes),
      failures: [...unthawed.values(), ...this.unheld],
    };
  }

  /** Gives back what methods and holds keep open; nobody waits for it. Does not thaw. */
  close(onError: (error: unknown) => void): void {
    const methods = [...this.prepared.values()].flatMap(({ method }) => method ?? []);
    for (const open of [...methods, ...this.attempted]) void open.close().catch(onError);
  }

  get attemptedSteps(): ServiceHold[][] {
    return this.steps.map((step) => step.filter((hold) => this.attempted.has(hold)));
  }
}
