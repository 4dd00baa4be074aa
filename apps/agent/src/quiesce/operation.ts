import type {
  QuiescePlan,
  QuiesceState,
  ReleasedBy,
  RequestResult,
  ServiceEvidence,
  ServiceFailure,
} from '@tacet/protocol';
import type { DiscoveredService } from '../discovery/compose.ts';
import type { QuiesceRecord } from '../journal/schemas.ts';
import type { HeldLease } from './held-lease.ts';
import { inheritedHold } from './make-hold.ts';
import type { MethodPorts, ServiceHold } from './method.ts';

/** A container that was prepared, and the process that it was prepared for. */
export interface PreparedService {
  hold: ServiceHold;
  pid: number;
  prepareMs: number;
}

/** One quiesce from prepare to thaw. It lives in memory; what must outlive it stands in the journal. */
export class Operation {
  readonly id: string;
  /** Aborts when the release begins: nothing new is held after that. */
  readonly abort = new AbortController();
  plan: QuiescePlan = { waves: [], uncovered: [] };
  services: DiscoveredService[] = [];
  readonly prepared = new Map<string, PreparedService>();
  preparing: Promise<RequestResult<'prepare'>> | undefined;
  holding: Promise<RequestResult<'hold'>> | undefined;
  releasing: Promise<RequestResult<'thaw'>> | undefined;
  lease: HeldLease | undefined;
  armedAt = 0;
  /** In the order of holding. */
  waves: ServiceHold[][] = [];
  /** Those whose hold has at least begun: they are owed a thaw. */
  readonly attempted = new Set<ServiceHold>();
  readonly evidence = new Map<ServiceHold, ServiceEvidence>();
  /** What ran during the hold without being held. */
  unheld: readonly ServiceFailure[] = [];
  releasedBy: ReleasedBy | null = null;

  constructor(id: string) {
    this.id = id;
  }

  /**
   * What an earlier process may have held: all of it is owed a thaw. Of another boot that is only what was
   * stopped: a frozen cgroup, a paused container and a paused Redis ended with it (seen with Docker 26).
   */
  static fromRecord(record: QuiesceRecord, ports: MethodPorts, sameBoot: boolean): Operation {
    const operation = new Operation(record.operationId);
    operation.armedAt = record.armedAt;
    const owed = sameBoot ? record.holds : record.holds.filter(({ method }) => method === 'stop');
    operation.waves = [owed.map((hold) => inheritedHold(hold, ports, record.lease.expiresAt))];
    for (const hold of operation.waves.flat()) operation.attempted.add(hold);
    return operation;
  }

  toRecord(state: QuiesceState, bootId: string): QuiesceRecord {
    return {
      version: 1,
      operationId: this.id,
      state,
      bootId,
      armedAt: this.armedAt,
      lease: this.lease?.record ?? { grantedAt: 0, expiresAt: 0, ceilingAt: 0 },
      holds: this.waves.flat().map(({ record }) => record),
    };
  }

  /** To a thaw, with what is still held. */
  answer(unthawed: ReadonlyMap<ServiceHold, ServiceFailure>): RequestResult<'thaw'> {
    return {
      releasedBy: this.releasedBy,
      thawed: unthawed.size === 0,
      services: [...this.evidence.values()],
      failures: [...unthawed.values(), ...this.unheld],
    };
  }

  get attemptedWaves(): ServiceHold[][] {
    return this.waves.map((wave) => wave.filter((hold) => this.attempted.has(hold)));
  }
}
