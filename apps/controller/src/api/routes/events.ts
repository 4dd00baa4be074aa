import { createRoute, type OpenAPIHono } from '@hono/zod-openapi';
import { eventListSchema, type StoredEvent } from '@tacet/protocol';
import { z } from 'zod';
import type { ApiDeps } from '../deps.ts';
import { answers, problems } from '../describe.ts';
import { needs } from '../security.ts';

const events = createRoute({
  method: 'get',
  path: '/api/v1/events',
  summary: 'What happened, in order. Pass `next` as `after` to go on.',
  security: needs('viewer'),
  request: {
    query: z.object({
      /** Left out: the newest ones. */
      after: z.coerce.number().int().nonnegative().optional(),
      limit: z.coerce.number().int().min(1).max(1000).default(100),
      /** How long to wait for an event when there is none. */
      waitMs: z.coerce.number().int().min(0).max(30_000).default(0),
    }),
  },
  responses: { 200: answers('The events', eventListSchema), ...problems },
});

export function eventRoutes(app: OpenAPIHono, deps: ApiDeps): void {
  app.openapi(events, async (c) => {
    const { limit, waitMs, ...query } = c.req.valid('query');
    const after = query.after ?? Math.max(0, (await deps.store.events.newest()) - limit);
    const until = AbortSignal.any([deps.signal, c.req.raw.signal, AbortSignal.timeout(waitMs)]);
    const found = await nextEvents(deps, after, limit, until);
    return c.json({ events: found, next: found.at(-1)?.sequence ?? after }, 200);
  });
}

async function nextEvents(
  { events }: ApiDeps,
  after: number,
  limit: number,
  until: AbortSignal,
): Promise<StoredEvent[]> {
  for (;;) {
    const next = events.nextEvent(until).catch(() => undefined); // no more waiting: what there is, is the answer
    const found = await events.after(after, limit);
    if (found.length > 0 || until.aborted) return found;
    await next;
  }
}
