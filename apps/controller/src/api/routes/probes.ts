import { createRoute, type OpenAPIHono } from '@hono/zod-openapi';
import { z } from 'zod';
import { Failure } from '../../failure.ts';
import type { ApiDeps } from '../deps.ts';
import { answers, problems } from '../describe.ts';
import { openToAll } from '../security.ts';

const health = createRoute({
  method: 'get',
  path: '/healthz',
  summary: 'Whether the controller answers',
  security: openToAll,
  responses: { 200: answers('It does', z.object({ status: z.literal('ok') })), ...problems },
});

const ready = createRoute({
  method: 'get',
  path: '/readyz',
  summary: 'Whether the controller can do its work: its store answers',
  security: openToAll,
  responses: { 200: answers('It can', z.object({ status: z.literal('ready') })), ...problems },
});

/** For what watches over processes. Neither tells anything of guests or nodes. */
export function probeRoutes(app: OpenAPIHono, { store, log }: ApiDeps): void {
  app.openapi(health, (c) => c.json({ status: 'ok' as const }, 200));

  app.openapi(ready, async (c) => {
    try {
      await store.events.newest();
    } catch (error) {
      log.error('the store does not answer', { error });
      throw new Failure('not-ready', 'the store does not answer; the controller’s log says why', {
        retryable: true,
      });
    }
    return c.json({ status: 'ready' as const }, 200);
  });
}
