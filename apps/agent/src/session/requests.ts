import { type RequestMethod, type RequestParams, type RequestResult, requestSchemas } from '@tacet/protocol';
import { TacetError } from '@tacet/runtime';
import { z } from 'zod';

/** What answers a request; both what comes in and what goes out are checked by the protocol's schemas. */
export type RequestHandlers = {
  [M in RequestMethod]: (params: RequestParams<M>, signal: AbortSignal) => Promise<RequestResult<M>>;
};

export type AnswerRequest = (method: RequestMethod, params: unknown, signal: AbortSignal) => Promise<unknown>;

export function requestAnswerer(handlers: RequestHandlers): AnswerRequest {
  const table: Record<RequestMethod, (params: unknown, signal: AbortSignal) => Promise<unknown>> = {
    prepare: checked<'prepare'>(requestSchemas.prepare, handlers.prepare),
    hold: checked<'hold'>(requestSchemas.hold, handlers.hold),
    renew: checked<'renew'>(requestSchemas.renew, handlers.renew),
    thaw: checked<'thaw'>(requestSchemas.thaw, handlers.thaw),
    'thaw-now': checked<'thaw-now'>(requestSchemas['thaw-now'], handlers['thaw-now']),
    plan: checked<'plan'>(requestSchemas.plan, handlers.plan),
  };
  return (method, params, signal) => table[method](params, signal);
}

function checked<M extends RequestMethod>(
  schema: { params: z.ZodType<RequestParams<M>>; result: z.ZodType<RequestResult<M>> },
  handler: RequestHandlers[M],
) {
  return async (params: unknown, signal: AbortSignal): Promise<RequestResult<M>> => {
    const parsed = schema.params.safeParse(params);
    if (!parsed.success) {
      throw new TacetError(`the request's parameters are not valid: ${z.prettifyError(parsed.error)}`, {
        code: 'invalid-input',
      });
    }
    return schema.result.parse(await handler(parsed.data, signal));
  };
}

const addressedSchema = z.object({ kind: z.literal('request'), id: z.number().int().positive() });

/**
 * The id of a request that this agent does not understand: it is newer than the agent, or damaged. It
 * deserves an answer, or the controller waits for its deadline.
 */
export function idOfUnknownRequest(frame: unknown): number | undefined {
  return addressedSchema.safeParse(frame).data?.id;
}
