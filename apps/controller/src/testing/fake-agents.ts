import type { GuestStatus, RequestMethod, RequestParams, RequestResult } from '@tacet/protocol';
import { type Clock, deferred, orAborted, runWithin } from '@tacet/runtime';
import type { z } from 'zod';
import { requestSchemas } from '@tacet/protocol';
import { Failure } from '../failure.ts';
import type { AgentPort } from '../jobs/ports.ts';
import type { FakeQuiesce } from './fake-quiesce.ts';

const resultsOf: { [M in RequestMethod]: { result: z.ZodType<RequestResult<M>> } } = requestSchemas;

/** The agents' side without sockets: one guest, whose behaviour is a FakeQuiesce. */
export class FakeAgents implements AgentPort {
  here: ReturnType<AgentPort['presence']> = 'connected';
  readonly #quiesce: FakeQuiesce;
  readonly #clock: Clock;
  #picture: { session: object | null; status: GuestStatus } | undefined;
  #change = deferred();

  constructor(quiesce: FakeQuiesce, clock: Clock) {
    this.#quiesce = quiesce;
    this.#clock = clock;
  }

  presence(): ReturnType<AgentPort['presence']> {
    return this.here;
  }

  async request<M extends RequestMethod>(
    vmid: number,
    method: M,
    params: RequestParams<M>,
    { deadlineMs, signal }: { deadlineMs: number; signal: AbortSignal },
  ): Promise<RequestResult<M>> {
    if (this.here !== 'connected') {
      throw new Failure('guest-not-connected', `no agent of guest ${vmid} is connected`, { retryable: true });
    }
    const answer = (): Promise<unknown> => this.#quiesce.answer(method, params);
    const result = await runWithin(signal, deadlineMs, method, answer, { clock: this.#clock });
    return resultsOf[method].result.parse(result);
  }

  picture(): { session: object | null; status: GuestStatus } | undefined {
    return this.#picture;
  }

  show(status: GuestStatus, session: object | null = {}): void {
    this.#picture = { session, status };
    this.#change.resolve();
    this.#change = deferred();
  }

  async nextChange(signal: AbortSignal): Promise<void> {
    await orAborted(this.#change.promise, signal);
  }
}
