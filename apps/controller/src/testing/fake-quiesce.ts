import type {
  QuiescePlan,
  ReleasedBy,
  RequestMethod,
  RequestResult,
  ServiceEvidence,
  ThawResult,
} from '@tacet/protocol';
import { requestSchemas } from '@tacet/protocol';
import type { Clock } from '@tacet/runtime';

/** What an agent does with requests, without any containers. Its lease is real. */
export class FakeQuiesce {
  /** In order, with what other fakes write into the same list. */
  readonly journal: string[];
  /** Called before a request is answered: throw, or wait, to misbehave. */
  before: (method: RequestMethod) => void | Promise<void> = () => undefined;
  services = ['db', 'cache'];
  readonly #clock: Clock;
  #hold: { operationId: string; heldAt: number; expiresMs: number } | undefined;
  #releasedBy: ReleasedBy | null = null;
  #last: ServiceEvidence[] = [];

  constructor(clock: Clock, journal: string[] = []) {
    this.#clock = clock;
    this.journal = journal;
  }

  get isHeld(): boolean {
    this.#expire();
    return this.#hold !== undefined;
  }

  /** As if the agent had been killed and started again. */
  restart(): void {
    if (this.isHeld) this.#release('agent-restarted');
  }

  async answer(method: RequestMethod, params: unknown): Promise<unknown> {
    this.journal.push(method);
    await this.before(method);
    switch (method) {
      case 'prepare':
        return { plan: this.#plan(), prepareMs: 3, failures: [] } satisfies RequestResult<'prepare'>;
      case 'hold': {
        const { operationId, leaseMs } = requestSchemas.hold.params.parse(params);
        const heldAt = Math.floor(this.#clock.now());
        this.#hold = { operationId, heldAt, expiresMs: this.#clock.monotonicMs() + leaseMs };
        this.#last = this.services.map((service) => evidence(service, heldAt));
        return { heldAt, leaseMs, services: this.#last } satisfies RequestResult<'hold'>;
      }
      case 'renew': {
        const { leaseMs } = requestSchemas.renew.params.parse(params);
        if (!this.isHeld || this.#hold === undefined) throw new Error('nothing is held');
        this.#hold.expiresMs = this.#clock.monotonicMs() + leaseMs;
        return { leaseMs } satisfies RequestResult<'renew'>;
      }
      case 'thaw':
        if (this.isHeld) this.#release('controller');
        return this.#thawed();
      case 'thaw-now':
        if (!this.isHeld) return { ...this.#thawed(), releasedBy: null };
        this.#release('operator');
        return this.#thawed();
      case 'plan':
        return this.#plan();
    }
  }

  #thawed(): ThawResult {
    return { releasedBy: this.#releasedBy, thawed: true, services: this.#last, failures: [] };
  }

  #expire(): void {
    if (this.#hold && this.#clock.monotonicMs() >= this.#hold.expiresMs) this.#release('lease-expired');
  }

  #release(by: ReleasedBy): void {
    this.#hold = undefined;
    this.#releasedBy = by;
    const thawedAt = Math.floor(this.#clock.now());
    const intactUntilThaw = by === 'controller';
    this.#last = this.#last.map((one) => ({ ...one, thawedAt, intactUntilThaw }));
  }

  #plan(): QuiescePlan {
    const services = this.services.map((service) => ({
      stack: 'shop',
      service,
      containerId: `id-${service}`,
      image: service,
      method: 'freeze' as const,
      chosenBy: 'default' as const,
      holds: ['freeze' as const],
      engine: null,
      predictedHoldMs: null,
      notes: [],
    }));
    const containerIds = services.map(({ containerId }) => containerId);
    return { services, steps: [{ action: 'freeze', containerIds }], uncovered: [] };
  }
}

function evidence(service: string, holdStartedAt: number): ServiceEvidence {
  return {
    stack: 'shop',
    service,
    containerId: `id-${service}`,
    method: 'freeze',
    holds: ['freeze'],
    engine: null,
    prepareMs: 1,
    bytesFlushed: null,
    behindSince: null,
    holdStartedAt,
    heldAt: holdStartedAt,
    thawedAt: null,
    probeStallMs: null,
    intactUntilThaw: null,
  };
}
