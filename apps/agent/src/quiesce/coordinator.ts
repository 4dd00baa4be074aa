import { nextQuiesceState, owesThaw, type QuiesceTransition } from '@tacet/core';
import type {
  Event,
  QuiescePlan,
  QuiesceState,
  ReleasedBy,
  RequestParams,
  RequestResult,
  ServiceFailure,
} from '@tacet/protocol';
import {
  type Clock,
  describeError,
  type Logger,
  orAborted,
  runWithin,
  silentLogger,
  systemClock,
  TacetError,
  withDeadline,
} from '@tacet/runtime';
import type { Engine } from '../engine/engine.ts';
import type { GuestHost } from '../guest/guest.ts';
import type { Journal } from '../journal/journal.ts';
import type { QuiesceRecord } from '../journal/schemas.ts';
import { HeldLease } from './held-lease.ts';
import { inheritedHold } from './make-hold.ts';
import type { ServiceHold } from './method.ts';
import { Operation } from './operation.ts';
import { look, prepareOperation, type PreparationPorts, refreshOperation } from './preparation.ts';
import { thawForgotten } from './thaw-forgotten.ts';
import { thawAll, type ThawPorts, thawStubborn, type Unthawed } from './thaw-round.ts';

export interface CoordinatorOptions {
  engine: Engine;
  host: GuestHost;
  journal: Journal;
  agentVersion: string;
  emit: (event: Event) => void;
  clock?: Clock;
  logger?: Logger;
  /** No renewal keeps a guest held for longer than this, whoever asks. Default 5 minutes. */
  leaseCeilingMs?: number;
  /** A preparation that no hold follows is dropped after this time. Default 10 minutes. */
  preparedTtlMs?: number;
}

/** What the journal said when the agent started. */
export type Recovery =
  | { kind: 'nothing-owed' }
  /** `sameBoot` false: the guest crashed while held, or this is a restored copy. */
  | { kind: 'thawing'; record: QuiesceRecord; sameBoot: boolean }
  | { kind: 'unreadable'; message: string };

/** For asking the holds, at the end, whether they still hold. They stand still meanwhile. */
const intactCheckMs = 1_000;

/** A disk that hangs must not keep the answer to a thaw. */
const journalPatienceMs = 5_000;

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
  readonly #listeners = new Set<(state: QuiesceState) => void>();
  #state: QuiesceState = 'idle';
  #current: Operation | undefined;
  #last: { operationId: string; result: RequestResult<'thaw'> } | undefined;
  /** What should be thawed and is not yet. */
  #unthawed: Unthawed = new Map();
  readonly #late: Unthawed = new Map();
  #unreadable: ServiceFailure | undefined;

  constructor(options: CoordinatorOptions) {
    const { engine, host, journal, agentVersion, clock = systemClock, logger = silentLogger } = options;
    this.#options = options;
    this.#ports = { engine, host, journal, agentVersion, clock, logger, freezer: host.freezer };
    this.#leaseCeilingMs = options.leaseCeilingMs ?? 300_000;
    this.#preparedTtlMs = options.preparedTtlMs ?? 600_000;
  }

  get state(): QuiesceState {
    return this.#state;
  }

  /** What could not be thawed so far, with the reason; it is being tried again. Empty when all is well. */
  get unthawed(): ServiceFailure[] {
    const left = [...this.#unthawed.values(), ...this.#late.values()];
    return this.#unreadable ? [...left, this.#unreadable] : left;
  }

  /** Called after every change of the state, and when `unthawed` has changed. Returns the way to stop. */
  onStateChange(listener: (state: QuiesceState) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async plan(signal: AbortSignal): Promise<QuiescePlan> {
    return (await look(this.#ports, signal)).plan;
  }

  /** @throws TacetError `conflict` while another operation is under way, `prepare-failed`. */
  async prepare({ operationId, deadlineMs }: RequestParams<'prepare'>): Promise<RequestResult<'prepare'>> {
    if (this.#current?.id === operationId && this.#current.preparing) return await this.#current.preparing;
    if (this.#current) {
      throw new TacetError(`the guest is ${this.#state} for operation ${this.#current.id}`, {
        code: 'conflict',
        retryable: true,
      });
    }
    this.#refuseEnded(operationId);
    const operation = new Operation(operationId);
    this.#current = operation;
    operation.preparing = this.#prepare(operation, deadlineMs);
    return await operation.preparing;
  }

  /** @throws TacetError `hold-failed` (everything is thawed again), `wrong-state`, `operation-mismatch`. */
  async hold({ operationId, leaseMs, deadlineMs }: RequestParams<'hold'>): Promise<RequestResult<'hold'>> {
    this.#judgeLease();
    this.#refuseEnded(operationId);
    const operation = this.#ofOperation(operationId);
    if (operation.releasing || (this.#state !== 'prepared' && !operation.holding)) {
      throw new TacetError(`cannot hold while ${this.#state}`, { code: 'wrong-state' });
    }
    operation.holding ??= this.#hold(operation, leaseMs, deadlineMs);
    return await operation.holding;
  }

  /** @throws TacetError `lease-expired`, `wrong-state`, `operation-mismatch`. */
  async renew({ operationId, leaseMs }: RequestParams<'renew'>): Promise<RequestResult<'renew'>> {
    this.#judgeLease();
    if (this.#last?.operationId === operationId || this.#current?.releasedBy === 'lease-expired') {
      throw new TacetError('the hold has ended', { code: 'lease-expired' });
    }
    const operation = this.#ofOperation(operationId);
    const { lease } = operation;
    if (!lease || operation.releasing || !lease.renew(leaseMs)) {
      throw new TacetError(`nothing to renew while ${this.#state}`, { code: 'wrong-state' });
    }
    const { signal } = operation.abort;
    await orAborted(this.#persist(operation, this.#state), signal);
    await Promise.all([...operation.attempted].map((hold) => hold.renew(lease.leftMs, signal)));
    return { leaseMs: Math.floor(lease.leftMs) };
  }

  /** Never fails for a hold's sake. @throws TacetError `operation-mismatch`. */
  async thaw({ operationId }: RequestParams<'thaw'>): Promise<RequestResult<'thaw'>> {
    this.#judgeLease();
    if (this.#current?.id === operationId) return await this.#release(this.#current, 'controller');
    if (this.#last?.operationId === operationId) return this.#last.result;
    if (this.#current) this.#ofOperation(operationId);
    return { releasedBy: null, thawed: true, services: [], failures: [] };
  }

  /**
   * Once, at the start: reads what an earlier process still owes, and begins to thaw it. Resolves when that
   * is known, not when it is done: see `unthawed` and `onStateChange`.
   */
  async recover(): Promise<Recovery> {
    const { journal, host, logger } = this.#ports;
    const read = await journal.readQuiesce();
    if (read.kind === 'corrupt' || read.kind === 'too-new') {
      const message =
        read.kind === 'corrupt'
          ? `the journal could not be read, and was set aside as ${read.setAside}`
          : `the journal was written by a newer agent (version ${read.version})`;
      // What it says is lost; what is frozen shows by itself.
      void this.#thawForgotten(message);
      return { kind: 'unreadable', message };
    }
    if (read.kind === 'absent' || !owesThaw(read.value.state)) return { kind: 'nothing-owed' };
    const record = read.value;
    const sameBoot = record.bootId === (await host.bootId());
    const operation = new Operation(record.operationId);
    operation.armedAt = record.armedAt;
    operation.waves = [record.holds.map((hold) => inheritedHold(hold, this.#ports, record.lease.expiresAt))];
    for (const hold of operation.waves.flat()) operation.attempted.add(hold);
    this.#current = operation;
    this.#set(record.state, `the journal of ${sameBoot ? 'this' : 'an earlier'} boot says so`);
    void this.#release(operation, 'agent-restarted');
    logger.warn('an earlier process left the guest held: thawing', { operationId: operation.id, sameBoot });
    return { kind: 'thawing', record, sameBoot };
  }

  /** For the agent's orderly end: thaws, and stops trying. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#current) await this.#release(this.#current, 'agent-restarted');
    this.#closed.abort();
  }

  async #prepare(operation: Operation, deadlineMs: number): Promise<RequestResult<'prepare'>> {
    this.#transition('prepare-started');
    const { clock } = this.#ports;
    try {
      const result = await runWithin(
        operation.abort.signal,
        deadlineMs,
        'the preparation',
        (signal) => prepareOperation(operation, this.#ports, deadlineMs, signal),
        { clock },
      );
      this.#transition('prepare-finished');
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
    using deadline = withDeadline(operation.abort.signal, deadlineMs, 'the hold', clock);
    const { signal } = deadline;
    try {
      await orAborted(refreshOperation(operation, this.#ports, signal), signal);
      const lease = this.#arm(operation, leaseMs);
      await orAborted(this.#persist(operation, 'holding'), signal);
      for (const wave of operation.waves) {
        await Promise.all(wave.map((hold) => this.#holdOne(operation, hold, lease, signal)));
      }
      signal.throwIfAborted();
      this.#transition('hold-finished');
      // The snapshot must carry it: a copy that says `held` knows that it owes a thaw.
      await orAborted(this.#persist(operation, 'held'), signal);
      signal.throwIfAborted();
      const services = [...operation.evidence.values()];
      this.#emit('quiesce.held', `${services.length} services are held`, { operationId: operation.id });
      return { heldAt: Math.round(clock.now()), leaseMs: Math.floor(lease.leftMs), services };
    } catch (error) {
      this.#emit('quiesce.hold-failed', describeError(error), { operationId: operation.id });
      await this.#release(operation, 'hold-failed');
      if (TacetError.is(error, 'hold-failed')) throw error;
      throw new TacetError('the guest could not be held', { code: 'hold-failed', cause: error });
    }
  }

  /** The undo before the deed: from here on the lease's end thaws. */
  #arm(operation: Operation, leaseMs: number): HeldLease {
    const { clock } = this.#ports;
    operation.armedAt = Math.round(clock.now());
    operation.lease = new HeldLease(clock, leaseMs, this.#leaseCeilingMs, () => this.#expire(operation));
    this.#transition('hold-started');
    return operation.lease;
  }

  async #holdOne(
    operation: Operation,
    hold: ServiceHold,
    lease: HeldLease,
    signal: AbortSignal,
  ): Promise<void> {
    signal.throwIfAborted();
    const { clock } = this.#ports;
    const { stack, service, containerId, method } = hold.record;
    operation.attempted.add(hold);
    const holdStartedAt = Math.round(clock.now());
    try {
      await orAborted(hold.hold(lease.leftMs, signal), signal, () => void this.#thawLate(hold));
    } catch (error) {
      throw new TacetError(`${stack}/${service} could not be held (${method})`, {
        code: 'hold-failed',
        cause: error,
      });
    }
    operation.evidence.set(hold, {
      stack,
      service,
      containerId,
      method,
      prepareMs: operation.prepared.get(containerId)?.prepareMs ?? 0,
      holdStartedAt,
      heldAt: Math.round(clock.now()),
      thawedAt: null,
      intactUntilThaw: null,
    });
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
    if (this.#current === operation) return this.#answer(operation);
    return this.#last?.operationId === operation.id ? this.#last.result : first;
  }

  async #doRelease(operation: Operation, releasedBy: ReleasedBy | null): Promise<RequestResult<'thaw'>> {
    const wasHeld = this.#state === 'held';
    operation.releasedBy = owesThaw(this.#state) ? releasedBy : null;
    if (this.#state !== 'thawing') this.#transition('thaw-started');
    operation.lease?.end();
    if (wasHeld && releasedBy === 'controller') await this.#checkIntact(operation);
    operation.abort.abort(new TacetError('released', { code: 'wrong-state' }));
    for (const [hold, evidence] of operation.evidence) {
      operation.evidence.set(hold, { ...evidence, intactUntilThaw: evidence.intactUntilThaw ?? false });
    }
    this.#unthawed = await thawAll(operation.attemptedWaves, this.#thawPorts(operation));
    const result = this.#answer(operation);
    if (this.#unthawed.size === 0) await this.#finish(operation);
    else void this.#thawUntilDone(operation);
    return result;
  }

  async #checkIntact(operation: Operation): Promise<void> {
    const { clock, logger } = this.#ports;
    await Promise.all(
      [...operation.evidence].map(async ([hold, evidence]) => {
        let intactUntilThaw = false;
        try {
          intactUntilThaw = await runWithin(
            undefined,
            intactCheckMs,
            'the last look',
            (signal) => hold.isHeld(signal),
            { clock },
          );
        } catch (error) {
          logger.warn('not seen held at the end', { ...hold.record, error });
        }
        operation.evidence.set(hold, { ...evidence, intactUntilThaw });
      }),
    );
  }

  async #thawUntilDone(operation: Operation): Promise<void> {
    this.#emit('quiesce.thaw-failed', this.#describeUnthawed(), { operationId: operation.id });
    this.#notify();
    try {
      await thawStubborn(this.#unthawed, this.#thawPorts(operation), this.#closed.signal);
    } catch (error) {
      this.#ports.logger.error('gave up thawing: the agent ends', { error, unthawed: this.unthawed });
      return;
    }
    await this.#finish(operation);
  }

  async #finish(operation: Operation): Promise<void> {
    const { clock, logger } = this.#ports;
    this.#current = undefined;
    this.#last = { operationId: operation.id, result: this.#answer(operation) };
    this.#transition('thaw-finished');
    if (operation.releasedBy !== null) {
      this.#emit('quiesce.thawed', `all thawed, released by ${operation.releasedBy}`, {
        operationId: operation.id,
        releasedBy: operation.releasedBy,
      });
    }
    const holds = new Set([...operation.prepared.values()].map(({ hold }) => hold));
    for (const hold of [...holds, ...operation.attempted]) {
      void hold.close().catch((error: unknown) => logger.warn('not closed', { ...hold.record, error }));
    }
    if (operation.armedAt === 0) return;
    try {
      using deadline = withDeadline(undefined, journalPatienceMs, 'the journal', clock);
      await orAborted(this.#persist(operation, 'idle'), deadline.signal);
    } catch (error) {
      // It says `held` though nothing is: the next start thaws once more, which does no harm.
      logger.error('the journal could not be closed', { operationId: operation.id, error });
    }
  }

  #answer(operation: Operation): RequestResult<'thaw'> {
    return {
      releasedBy: operation.releasedBy,
      thawed: this.#unthawed.size === 0,
      services: [...operation.evidence.values()],
      failures: [...this.#unthawed.values()],
    };
  }

  #thawPorts(operation: Operation): ThawPorts {
    const { clock, logger } = this.#ports;
    return {
      clock,
      logger,
      onThawed: (hold) => {
        const evidence = operation.evidence.get(hold);
        if (evidence) operation.evidence.set(hold, { ...evidence, thawedAt: Math.round(clock.now()) });
      },
    };
  }

  /** A hold that came about after nobody wanted it any more. */
  async #thawLate(hold: ServiceHold): Promise<void> {
    const { stack, service } = hold.record;
    const { clock, logger } = this.#ports;
    logger.warn('the engine held it after all: thawing', { ...hold.record });
    this.#late.set(hold, { stack, service, phase: 'thaw', message: 'held after the deadline' });
    this.#notify();
    try {
      await thawStubborn(this.#late, { clock, logger, onThawed: () => undefined }, this.#closed.signal);
    } catch (error) {
      logger.error('gave up thawing: the agent ends', { ...hold.record, error });
    }
    this.#notify();
  }

  async #thawForgotten(message: string): Promise<void> {
    this.#unreadable = { stack: '', service: '', phase: 'thaw', message };
    await thawForgotten(this.#ports, this.#closed.signal);
    this.#unreadable = undefined;
    this.#notify();
  }

  async #persist(operation: Operation, state: QuiesceState): Promise<void> {
    const { journal, host } = this.#ports;
    const lease = operation.lease?.record ?? { grantedAt: 0, expiresAt: 0, ceilingAt: 0 };
    await journal.writeQuiesce({
      version: 1,
      operationId: operation.id,
      state,
      bootId: await host.bootId(),
      armedAt: operation.armedAt,
      lease,
      holds: operation.waves.flat().map(({ record }) => record),
    });
  }

  #ofOperation(operationId: string): Operation {
    if (this.#current?.id === operationId) return this.#current;
    if (!this.#current) throw new TacetError('nothing was prepared', { code: 'wrong-state' });
    throw new TacetError(`the guest is ${this.#state} for operation ${this.#current.id}`, {
      code: 'operation-mismatch',
    });
  }

  #refuseEnded(operationId: string): void {
    if (this.#last?.operationId !== operationId || this.#current?.id === operationId) return;
    throw new TacetError(`operation ${operationId} has ended`, { code: 'wrong-state' });
  }

  #transition(transition: QuiesceTransition): void {
    const next = nextQuiesceState(this.#state, transition);
    if (!next) {
      throw new TacetError(`${transition} is not possible while ${this.#state}`, { code: 'wrong-state' });
    }
    this.#set(next, transition);
  }

  /** The only place that changes the state. */
  #set(state: QuiesceState, because: string): void {
    const operationId = this.#current?.id;
    this.#ports.logger.info(`${this.#state} → ${state}`, { because, operationId });
    this.#state = state;
    this.#notify();
  }

  #notify(): void {
    for (const listener of this.#listeners) listener(this.#state);
  }

  #describeUnthawed(): string {
    const names = [...this.#unthawed.values()].map(({ stack, service }) => `${stack}/${service}`);
    return `still not thawed: ${names.join(', ')}`;
  }

  #emit(type: Event['type'], message: string, data: Record<string, unknown>): void {
    this.#options.emit({ at: Math.round(this.#ports.clock.now()), type, message, data });
  }
}
