import { createRoute, type OpenAPIHono } from '@hono/zod-openapi';
import { z } from 'zod';
import { TooManyRequests } from '../../access/too-many-requests.ts';
import { Failure } from '../../failure.ts';
import type { ApiDeps } from '../deps.ts';
import { problems } from '../describe.ts';
import { eventStream } from '../event-stream.ts';
import { needs } from '../security.ts';

/** Of one login or token: some windows of a browser, or somebody who never closes any. */
const MAX_STREAMS_EACH = 20;

const sequence = z.coerce.number().int().nonnegative();

const stream = createRoute({
  method: 'get',
  path: '/api/v1/events/stream',
  summary: 'What happens, as server-sent events; ends with the login or the token',
  security: needs('viewer'),
  request: {
    query: z.object({
      /** The sequence number to go on after; from now on when left out. */
      after: sequence.optional(),
    }),
    headers: z.object({
      /** As browsers send it when they connect again; goes before `after`. */
      'last-event-id': sequence.optional(),
    }),
  },
  responses: {
    200: {
      description: '`id:` is the sequence number, `data:` the event as JSON; a comment at least every 15 s',
      content: { 'text/event-stream': { schema: z.string() } },
    },
    ...problems,
  },
});

export function eventStreamRoutes(app: OpenAPIHono, deps: ApiDeps): void {
  const open = new Map<string, number>();

  app.openapi(stream, async (c) => {
    const { principal } = c.var;
    if (principal === undefined) throw new Failure('unauthorized', 'nobody is signed in');
    const key = principal.secretHash;
    const own = open.get(key) ?? 0;
    if (own >= MAX_STREAMS_EACH) throw new TooManyRequests('too many event streams at once', 10_000);

    const newest = await deps.store.events.newest();
    const after = c.req.valid('header')['last-event-id'] ?? c.req.valid('query').after ?? newest;
    const ended = new AbortController();
    const signal = AbortSignal.any([deps.signal, c.req.raw.signal, ended.signal]);
    open.set(key, own + 1);
    const body = eventStream({
      ...deps,
      principal,
      signal,
      // A store that was brought back from a backup numbers anew.
      after: Math.min(after, newest),
      onEnd: () => {
        const left = (open.get(key) ?? 1) - 1;
        if (left > 0) open.set(key, left);
        else open.delete(key);
      },
    });
    return c.body(body, 200, { 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-store' });
  });
}
