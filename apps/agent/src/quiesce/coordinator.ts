import { owesThaw } from '@tacet/core';
import type {
  Event,
  QuiescePlan,
  QuiesceState,
  ReleasedBy,
  RequestParams,
  RequestResult,
  ServiceFailure,
  ThawResult,
} from '@tacet/protocol';
import {
  describeError,
  orAborted,
  runWithin,
  silentLogger,
  systemClock,
  TacetError,
  withDeadline,
} from '@tacet/runtime';
import type { CoordinatorOptions } from './coordinator-options.ts';
import { ForgottenHolds } from './forgotten-holds.ts';
import { HeldLease } from './held-lease.ts';
import { holdAll, type HoldPorts } from './hold-round.ts';
import { syncBeforeHold } from './late-sync.ts';
import { LateHolds } from './late-holds.ts';
import { Operation } from './operation.ts';
import { explorePlan } from './look.ts';
import { prepareOperation, type PreparationPorts, refreshOperation } from './preparation.ts';
import { QuiesceStateHolder } from './quiesce-state.ts';
import type { Recovery } from './recovery.ts';
import { releaseAll } from './release-round.ts';
import { namesOf, type ThawPorts, thawStubborn, type Unthawed } from './thaw-round.ts';

/** A disk that hangs must not keep the answer to a thaw. */
const journalPatienceMs = 5_000;
/** Nor must an engine that hangs keep the reason of a failed hold from whoever waits for it. */
const releasePatienceMs = 1_000;

const nothingHeld: ThawResult = { releasedBy: null, thawed: true, services: [], failures: [] };

/**
 * Executes the plan of a quiesce. What always holds:
 *
 * 1. One operation at a time; the same request of the same operation is answered once, and the same again.
 * 2. The journal knows of a hold, and how to undo it, before the first container is held.
 * 3. Whatever is held has a lease, whose end thaws without anybody's help; so does any failure.
 * 4. Once a release has begun nothing new is held, and it goes on, for ever if need be, until all is thawed.
 * 5. The state changes in one place.
 */
export class QuiesceCoordinator implements AsyncDisposable {
  readonly #options: CoordinatorOptions;
  readonly #ports: PreparationPorts;
  readonly #leaseCeilingMs: number;
  readonly #preparedTtlMs: number;
  readonly #closed = new AbortController();
  readonly #state: QuiesceStateHolder;
  readonly #late: LateHolds;
  readonly #forgotten: ForgottenHolds;
  #current: Operation | undefined;
  #finishing: Promise<void> = Promise.resolve();
  #isEnding = false;
  #last: { operationId: string; result: RequestResult<'thaw'> } | undefined;
  /** What should be thawed and is not yet. */
  #unthawed: Unthawed = new Map();

  constructor(options: CoordinatorOptions) {
    const { engine, host, journal, agentVersion, clock = systemClock, logger = silentLogger } = options;
    this.#options = options;
    const { freezer, processes } = host;
    this.#ports = { engine, host, journal, agentVersion, clock, logger, freezer, processes };
    this.#leaseCeilingMs = options.leaseCeilingMs ?? 300_000;
    this.#preparedTtlMs = options.preparedTtlMs ?? 600_000;
    this.#state = new QuiesceStateHolder(logger);
    const onChange = (): void => this.#state.notify();
    this.#late = new LateHolds({ clock, logger, onChange });
    this.#forgotten = new ForgottenHolds({ ports: this.#ports, onChange });
  }

  get state(): QuiesceState {
    return this.#state.current;
  }

  /** What could not be thawed so far, with the reason; it is being tried again. Empty when all is well. */
  get unthawed(): ServiceFailure[] {
    return [...this.#unthawed.values(), ...this.#late.failures, ...this.#forgotten.failures];
  }

  /** Called after every change of the state, and when `unthawed` has changed. Returns the way to stop. */
  onStateChange(listener: (state: QuiesceState) => void): () => void {
    return this.#state.onChange(listener);
  }

  /** What would be held how. While something is held that is the plan it was held by: nobody could be asked. */
  async plan(signal: AbortSignal): Promise<QuiescePlan> {
    const current = this.#current;
    return current?.lease ? current.plan : await explorePlan(this.#ports, signal);
  }

  /** @throws TacetError `conflict` while another operation is under way, `prepare-failed`. */
  async prepare({ operationId, deadlineMs }: RequestParams<'prepare'>): Promise<RequestResult<'prepare'>> {
    if (this.#current?.id === operationId && this.#current.preparing) return await this.#current.preparing;
    if (this.#current) {
      throw new TacetError(`the guest is ${this.state} for operation ${this.#current.id}`, {
        code: 'conflict',
        retryable: true,
      });
    }
    this.#refuseEnded(operationId);
    if (this.#isEnding) throw new TacetError('the agent ends', { code: 'wrong-state', retryable: true });
    const operation = new Operation(operationId);
    this.#current = operation;
    operation.preparing = this.#prepare(operation, deadlineMs);
    return await operation.preparing;
  }

  /** @throws TacetError `hold-failed` (everything is being thawed again), `wrong-state`, `operation-mismatch`. */
  async hold({ operationId, leaseMs, deadlineMs }: RequestParams<'hold'>): Promise<RequestResult<'hold'>> {
    this.#judgeLease();
    this.#refuseEnded(operationId);
    const operation = this.#ofOperation(operationId);
    if (operation.releasing || (this.state !== 'prepared' && !operation.holding)) {
      throw new TacetError(`cannot hold while ${this.state}`, { code: 'wrong-state' });
    }
    operation.holding ??= this.#hold(operation, leaseMs, deadlineMs);
    return await operation.holding;
  }

  /** @throws TacetError `hold-failed` (as in `hold`), `lease-expired`, `wrong-state`, `operation-mismatch`. */
  async renew({ operationId, leaseMs }: RequestParams<'renew'>): Promise<RequestResult<'renew'>> {
    this.#judgeLease();
    if (this.#last?.operationId === operationId || this.#current?.releasedBy === 'lease-expired') {
      throw new TacetError('the hold has ended', { code: 'lease-expired' });
    }
    const operation = this.#ofOperation(operationId);
    const { lease } = operation;
    if (!lease || operation.releasing || !lease.renew(leaseMs)) {
      throw new TacetError(`nothing to renew while ${this.state}`, { code: 'wrong-state' });
    }
    const { signal } = operation.abort;
    await orAborted(this.#persist(operation, this.state), signal);
    try {
      await Promise.all([...operation.attempted].map((hold) => hold.renew(lease.leftMs, signal)));
    } catch (error) {
      if (operation.releasing) throw error;
      // With one that slipped away the backup cannot be proven: the others need not stand still for it.
      return await this.#failHold(operation, error);
    }
    return { leaseMs: Math.floor(lease.leftMs) };
  }

  /** Never fails for a hold's sake. @throws TacetError `operation-mismatch`. */
  async thaw({ operationId }: RequestParams<'thaw'>): Promise<RequestResult<'thaw'>> {
    this.#judgeLease();
    if (this.#current?.id === operationId) return await this.#release(this.#current, 'controller');
    if (this.#last?.operationId === operationId) return this.#last.result;
    if (this.#current) this.#ofOperation(operationId);
    return nothingHeld;
  }

  /** Whatever is held, for whichever operation, at an operator's word: no proof stands upon that. */
  async thawNow(): Promise<RequestResult<'thaw-now'>> {
    this.#judgeLease();
    return this.#current === undefined ? nothingHeld : await this.#release(this.#current, 'operator');
  }

  /**
   * Once, at the start: reads what an earlier process still owes, and begins to thaw it. Resolves when that
   * is known, not when it is done: see `unthawed` and `onStateChange`.
   */
  async recover(): Promise<Recovery> {
    const { host, logger } = this.#ports;
    const read = await this.#forgotten.readJournal();
    if (read.kind === 'unreadable') {
      void this.#forgotten.thaw(read.message, this.#closed.signal);
      return read;
    }
    if (read.kind === 'absent' || !owesThaw(read.value.state)) return { kind: 'nothing-owed' };
    const record = read.value;
    const sameBoot = record.bootId === (await host.bootId());
    const operation = Operation.fromRecord(record, this.#ports, sameBoot);
    this.#current = operation;
    this.#state.inherit(record.state, operation.id);
    void this.#release(operation, 'agent-restarted');
    logger.warn('an earlier process left the guest held: thawing', { operationId: operation.id, sameBoot });
    return { kind: 'thawing', record, sameBoot };
  }

  /** For the agent's orderly end: holds nothing more, thaws, and stops trying. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#isEnding = true;
    if (this.#current) await this.#release(this.#current, 'agent-restarted');
    this.#closed.abort();
    await this.#finishing;
  }

  async #prepare(operation: Operation, deadlineMs: number): Promise<RequestResult<'prepare'>> {
    this.#state.transition('prepare-started', operation.id);
    const { clock } = this.#ports;
    try {
      const result = await runWithin(
        operation.abort.signal,
        deadlineMs,
        'the preparation',
        (signal) => prepareOperation(operation, this.#ports, deadlineMs, signal),
        { clock },
      );
      this.#state.transition('prepare-finished', operation.id);
      this.#emit('quiesce.prepared', `ready to be held, ${result.failures.length} not prepared`, {
        operationId: operation.id,
        prepareMs: result.prepareMs,
        failures: result.failures,
      });
      void this.#dropUnused(operation);
      return result;
    } catch (error) {
      await this.#release(operation, null);
      throw new TacetError('the guest could not be prepared', { code: 'prepare-failed', cause: error });
    }
  }

  async #dropUnused(operation: Operation): Promise<void> {
    try {
      await this.#ports.clock.sleep(this.#preparedTtlMs, operation.abort.signal);
    } catch {
      return; // released meanwhile
    }
    if (!operation.holding) await this.#release(operation, null);
  }

  async #hold(operation: Operation, leaseMs: number, deadlineMs: number): Promise<RequestResult<'hold'>> {
    const { clock } = this.#ports;
    try {
      using deadline = withDeadline(operation.abort.signal, deadlineMs, 'the hold', clock);
      const { signal } = deadline;
      await orAborted(refreshOperation(operation, this.#ports, signal), signal);
      const lease = this.#arm(operation, leaseMs);
      // The snapshot carries it too: a copy that says `holding` knows that it owes a thaw. But for renewals nothing
      // more is written until the thaw: whatever is written now is written while everything stands still.
      await orAborted(this.#persist(operation, 'holding'), signal);
      const ports: HoldPorts = {
        ...this.#ports,
        onLate: (hold) => void this.#late.thaw(hold, this.#closed.signal),
        sync: () => syncBeforeHold(this.#ports, deadlineMs, signal),
      };
      await holdAll(operation, lease, ports, signal);
      this.#state.transition('hold-finished', operation.id);
      const { services } = operation.answer(this.#unthawed);
      this.#emit('quiesce.held', `${services.length} services are held`, { operationId: operation.id });
      return { heldAt: Math.round(clock.now()), leaseMs: Math.floor(lease.leftMs), services };
    } catch (error) {
      return await this.#failHold(operation, error);
    }
  }

  async #failHold(operation: Operation, error: unknown): Promise<never> {
    const { clock, logger } = this.#ports;
    this.#emit('quiesce.hold-failed', describeError(error), { operationId: operation.id });
    const release = (): Promise<unknown> => this.#release(operation, 'hold-failed');
    try {
      await runWithin(undefined, releasePatienceMs, 'the release', release, { clock });
    } catch (slow) {
      // It goes on; a thaw joins it.
      logger.warn('the hold has failed, and not all is thawed yet', {
        operationId: operation.id,
        error: slow,
      });
    }
    if (TacetError.is(error, 'hold-failed')) throw error;
    throw new TacetError('the guest could not be held', { code: 'hold-failed', cause: error });
  }

  /** The undo before the deed: from here on the lease's end thaws. */
  #arm(operation: Operation, leaseMs: number): HeldLease {
    const { clock } = this.#ports;
    operation.armedAt = Math.round(clock.now());
    operation.lease = new HeldLease(clock, leaseMs, this.#leaseCeilingMs, () => this.#expire(operation));
    this.#state.transition('hold-started', operation.id);
    return operation.lease;
  }

  /** Before anything else when somebody asks: after a freeze of the guest its timer may not have fired yet. */
  #judgeLease(): void {
    const operation = this.#current;
    if (operation?.lease?.leftMs === 0 && !operation.releasing) this.#expire(operation);
  }

  #expire(operation: Operation): void {
    if (operation.releasing) return;
    this.#emit('lease.expired', 'nobody renewed the lease: thawing', { operationId: operation.id });
    void this.#release(operation, 'lease-expired');
  }

  /** `releasedBy` null where nothing was asked to be held. The first call decides, the others join it. */
  async #release(operation: Operation, releasedBy: ReleasedBy | null): Promise<RequestResult<'thaw'>> {
    operation.releasing ??= this.#doRelease(operation, releasedBy);
    const first = await operation.releasing;
    // What did not thaw at once may have by now.
    if (this.#current === operation) return operation.answer(this.#unthawed);
    return this.#last?.operationId === operation.id ? this.#last.result : first;
  }

  async #doRelease(operation: Operation, releasedBy: ReleasedBy | null): Promise<RequestResult<'thaw'>> {
    const wasHeld = this.state === 'held';
    operation.releasedBy = owesThaw(this.state) ? releasedBy : null;
    if (this.state !== 'thawing') this.#state.transition('thaw-started', operation.id);
    operation.lease?.end();
    // Nobody can build a proof upon a hold that ended otherwise.
    const isProof = wasHeld && releasedBy === 'controller';
    this.#unthawed = await releaseAll(operation, isProof, { ...this.#ports, ...this.#thawPorts(operation) });
    const result = operation.answer(this.#unthawed);
    if (this.#unthawed.size === 0) await this.#finish(operation);
    else void this.#thawUntilDone(operation);
    return result;
  }

  async #thawUntilDone(operation: Operation): Promise<void> {
    this.#emit('quiesce.thaw-failed', `still not thawed: ${namesOf(this.#unthawed)}`, {
      operationId: operation.id,
    });
    this.#state.notify();
    try {
      await thawStubborn(this.#unthawed, this.#thawPorts(operation), this.#closed.signal);
    } catch (error) {
      this.#ports.logger.error('gave up thawing: the agent ends', { error, unthawed: this.unthawed });
      return;
    }
    await this.#finish(operation);
  }

  #finish(operation: Operation): Promise<void> {
    this.#finishing = this.#close(operation);
    return this.#finishing;
  }

  async #close(operation: Operation): Promise<void> {
    const { clock, logger } = this.#ports;
    this.#current = undefined;
    this.#last = { operationId: operation.id, result: operation.answer(this.#unthawed) };
    this.#state.transition('thaw-finished', operation.id);
    if (operation.releasedBy !== null) {
      this.#emit('quiesce.thawed', `all thawed, released by ${operation.releasedBy}`, {
        operationId: operation.id,
        releasedBy: operation.releasedBy,
        services: this.#last.result.services,
      });
    }
    operation.close((error) => logger.warn('not closed', { operationId: operation.id, error }));
    if (operation.armedAt === 0) return;
    try {
      using deadline = withDeadline(undefined, journalPatienceMs, 'the journal', clock);
      await orAborted(this.#persist(operation, 'idle'), deadline.signal);
    } catch (error) {
      // It says `held` though nothing is: the next start thaws once more, which does no harm.
      logger.error('the journal could not be closed', { operationId: operation.id, error });
    }
  }

  #thawPorts(operation: Operation): ThawPorts {
    const { clock, logger } = this.#ports;
    return {
      clock,
      logger,
      onThawed: (hold) => operation.evidence.thawed(hold, Math.round(clock.now())),
    };
  }

  async #persist(operation: Operation, state: QuiesceState): Promise<void> {
    const { journal, host } = this.#ports;
    await journal.writeQuiesce(operation.toRecord(state, await host.bootId()));
  }

  #ofOperation(operationId: string): Operation {
    if (this.#current?.id === operationId) return this.#current;
    if (!this.#current) throw new TacetError('nothing was prepared', { code: 'wrong-state' });
    throw new TacetError(`the guest is ${this.state} for operation ${this.#current.id}`, {
      code: 'operation-mismatch',
    });
  }

  #refuseEnded(operationId: string): void {
    if (this.#last?.operationId !== operationId || this.#current?.id === operationId) return;
    throw new TacetError(`operation ${operationId} has ended`, { code: 'wrong-state' });
  }

  #emit(type: Event['type'], message: string, data: Record<string, unknown>): void {
    this.#options.emit({ at: Math.round(this.#ports.clock.now()), type, message, data });
  }
}
