import type { QuiescePlan, ReleasedBy, RequestResult, ServiceEvidence } from '@tacet/protocol';
import type { DiscoveredService } from '../discovery/compose.ts';
import type { HeldLease } from './held-lease.ts';
import type { ServiceHold } from './method.ts';

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
  releasedBy: ReleasedBy | null = null;

  constructor(id: string) {
    this.id = id;
  }

  get attemptedWaves(): ServiceHold[][] {
    return this.waves.map((wave) => wave.filter((hold) => this.attempted.has(hold)));
  }

  get containerIds(): string[] {
    return this.waves.flat().map((hold) => hold.record.containerId);
  }
}
