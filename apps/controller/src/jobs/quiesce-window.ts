import type { QuiescePlan, RequestResult, ServiceEvidence } from '@tacet/protocol';
import { type Clock, describeError, TacetError } from '@tacet/runtime';
import type { JobClock } from './job-clock.ts';
import type { AgentPort } from './ports.ts';
import type { Recorder } from './recorder.ts';

export interface QuiesceLimits {
  readonly prepareDeadlineMs: number;
  readonly holdDeadlineMs: number;
  readonly leaseMs: number;
  readonly maxHoldMs: number;
}

interface WindowOptions {
  readonly agents: AgentPort;
  readonly vmid: number;
  /** Of this one quiesce; a second try of the same backup has another. */
  readonly quiesceId: string;
  readonly limits: QuiesceLimits;
  readonly clock: Clock;
  readonly now: JobClock;
  readonly recorder: Recorder;
  readonly signal: AbortSignal;
}

/** The agent's own deadline comes first, so that its answer says what took so long. */
const ANSWER_MARGIN_MS = 2_000;
/** However short a lease an agent grants, it is not asked more often. */
const MIN_RENEW_MS = 500;
const THAW_DEADLINE_MS = 5_000;
const THAW_RETRY_MS = 250;
/** After the lease: nothing is held any more, but the agent may still say how it ended. */
const THAW_GRACE_MS = 5_000;

/**
 * One quiesce of one guest, from prepare to thaw. What always holds: once the agent was asked for anything, a
 * thaw is sent until it is answered or the lease is over; and the first thaw is the one that counts.
 */
export class QuiesceWindow {
  plan: QuiescePlan | undefined;
  /** The agent's own count of what prepare took; undefined until then, as the next one until held. */
  prepareMs: number | undefined;
  held: { readonly services: readonly ServiceEvidence[]; readonly tookMs: number } | undefined;
  holdConfirmedAt: number | undefined;
  thawSentAt: number | undefined;
  leaseLeftMs: number | undefined;
  thawed: RequestResult<'thaw'> | undefined;

  readonly #options: WindowOptions;
  readonly #renewing = new AbortController();
  #leaseEndsMs: number | undefined;
  #thawing: Promise<void> | undefined;

  constructor(options: WindowOptions) {
    this.#options = options;
  }

  get isHeld(): boolean {
    return this.holdConfirmedAt !== undefined && this.#thawing === undefined;
  }

  /** Prepares and holds. @returns why nothing is held, in words; undefined when everything is. */
  async open(): Promise<string | undefined> {
    return (await this.prepare()) ?? (await this.hold());
  }

  /** @returns why nothing can be held, in words; undefined when the hold may follow. */
  async prepare(): Promise<string | undefined> {
    const { agents, vmid } = this.#options;
    const presence = agents.presence(vmid);
    if (presence === 'not-connected') return 'no agent of this guest is connected';
    if (presence === 'quarantined') return 'the only agent of this guest is a quarantined copy';
    return await this.#thawingOnFailure(() => this.#prepare());
  }

  /** What was prepared. @returns as {@link open}. */
  async hold(): Promise<string | undefined> {
    return await this.#thawingOnFailure(() => this.#hold());
  }

  /** @returns the failure in words. */
  async #thawingOnFailure(work: () => Promise<void>): Promise<string | undefined> {
    const { recorder, signal } = this.#options;
    try {
      await work();
      return undefined;
    } catch (error) {
      void this.thaw('the hold failed');
      signal.throwIfAborted();
      const why = describeError(error);
      recorder.step('not-held', why);
      return why;
    }
  }

  /** Never rejects. Every call is the same thaw; it resolves when that has been answered or given up. */
  thaw(why: string): Promise<void> {
    this.#thawing ??= this.#thaw(why);
    return this.#thawing;
  }

  async #prepare(): Promise<void> {
    const { agents, vmid, quiesceId, limits, recorder, signal } = this.#options;
    const deadlineMs = limits.prepareDeadlineMs;
    recorder.quiescing(quiesceId);
    this.#leaseEndsMs = this.#options.clock.monotonicMs(); // a thaw is owed from here on
    const { plan, prepareMs, failures } = await agents.request(
      vmid,
      'prepare',
      { operationId: quiesceId, deadlineMs },
      { deadlineMs: deadlineMs + ANSWER_MARGIN_MS, signal },
    );
    this.plan = plan;
    this.prepareMs = prepareMs;
    for (const { stack, service, message } of failures) {
      recorder.step('prepare-failed', `${stack}/${service}: ${message}`);
    }
    const count = plan.services.length;
    recorder.step('prepared', `${count} services in ${Math.round(prepareMs)} ms, while writes went on`);
  }

  async #hold(): Promise<void> {
    const { agents, vmid, quiesceId, limits, clock, now, recorder, signal } = this.#options;
    const deadlineMs = limits.holdDeadlineMs;
    const { leaseMs } = limits;
    const sentMs = clock.monotonicMs();
    // The agent may arm the lease as late as its deadline lets it.
    this.#leaseEndsMs = sentMs + deadlineMs + leaseMs;
    const held = await agents.request(
      vmid,
      'hold',
      { operationId: quiesceId, leaseMs, deadlineMs },
      { deadlineMs: deadlineMs + ANSWER_MARGIN_MS, signal },
    );
    this.#leaseEndsMs = sentMs + held.leaseMs;
    this.holdConfirmedAt = now();
    this.held = { services: held.services, tookMs: clock.monotonicMs() - sentMs };
    void this.#keepLease(held.leaseMs);
    recorder.step('held', `${held.services.length} services, lease ${held.leaseMs} ms`);
  }

  /** Renews until the thaw, and no longer than a hold may last. */
  async #keepLease(grantedMs: number): Promise<void> {
    const { agents, vmid, quiesceId, limits, clock, recorder } = this.#options;
    const { signal } = this.#renewing;
    const startedMs = clock.monotonicMs();
    let isFailing = false;
    // One lease may be all that there is to have: then it is not renewed.
    const everyMs =
      limits.leaseMs < limits.maxHoldMs ? Math.max(MIN_RENEW_MS, grantedMs / 3) : limits.maxHoldMs;
    for (;;) {
      const leftMs = limits.maxHoldMs - (clock.monotonicMs() - startedMs);
      try {
        await clock.sleep(Math.min(everyMs, leftMs), signal);
        if (leftMs <= everyMs) break;
        const sentMs = clock.monotonicMs();
        const params = { operationId: quiesceId, leaseMs: limits.leaseMs };
        const { leaseMs } = await agents.request(vmid, 'renew', params, { deadlineMs: everyMs, signal });
        this.#leaseEndsMs = sentMs + leaseMs;
        isFailing = false;
      } catch (error) {
        if (signal.aborted) return;
        // Not the end: the guest may be frozen for its snapshot. If the hold is lost, the thaw will tell.
        if (!isFailing) recorder.step('renew-failed', describeError(error));
        isFailing = true;
      }
    }
    recorder.step('hold-too-long', `no snapshot was seen within ${limits.maxHoldMs} ms`);
    await this.thaw('the hold lasted too long');
  }

  async #thaw(why: string): Promise<void> {
    this.#renewing.abort();
    const leaseEndsMs = this.#leaseEndsMs;
    if (leaseEndsMs === undefined) return; // nothing was ever asked of the agent
    const { clock, now, recorder } = this.#options;
    this.thawSentAt = now();
    this.leaseLeftMs = Math.max(0, Math.floor(leaseEndsMs - clock.monotonicMs()));
    const giveUpMs = Math.max(leaseEndsMs, clock.monotonicMs()) + THAW_GRACE_MS;
    let failure: unknown;
    while (this.thawed === undefined && clock.monotonicMs() < giveUpMs) {
      try {
        this.thawed = await this.#sendThaw();
      } catch (error) {
        if (TacetError.is(error, 'operation-mismatch')) {
          recorder.step('thawed', `nothing was held for this backup: ${describeError(error)}`);
          return;
        }
        if (failure === undefined) recorder.step('thaw-unanswered', describeError(error));
        failure = error;
        await clock.sleep(THAW_RETRY_MS);
      }
    }
    recorder.step('thawed', `${describeThaw(this.thawed)}; ${why}`);
  }

  /** Not under the job's signal: a job that is cancelled owes its thaw all the same. */
  async #sendThaw(): Promise<RequestResult<'thaw'>> {
    const { agents, vmid, quiesceId } = this.#options;
    const signal = new AbortController().signal;
    return await agents.request(
      vmid,
      'thaw',
      { operationId: quiesceId },
      { deadlineMs: THAW_DEADLINE_MS, signal },
    );
  }
}

/** The time in which a service's writes were blocked; undefined for one that nobody saw thawed. */
export function stallMs(service: ServiceEvidence): number | undefined {
  return service.thawedAt === null ? undefined : service.thawedAt - service.holdStartedAt;
}

function describeThaw(thawed: RequestResult<'thaw'> | undefined): string {
  if (thawed === undefined) return 'nobody answered; the lease has thawed what was held';
  if (!thawed.thawed) return `not everything thawed: ${thawed.failures.map((one) => one.message).join('; ')}`;
  const stalls = thawed.services.flatMap((one) => {
    const stall = stallMs(one);
    return stall === undefined ? [] : [`${one.stack}/${one.service} ${stall} ms`];
  });
  return stalls.length === 0 ? 'nothing was held' : `writes had stalled: ${stalls.join(', ')}`;
}
