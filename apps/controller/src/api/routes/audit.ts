import { createRoute, type OpenAPIHono } from '@hono/zod-openapi';
import { auditListSchema } from '@tacet/protocol';
import { z } from 'zod';
import type { ApiDeps } from '../deps.ts';
import { answers, problems } from '../describe.ts';
import { nextCursor, pageQuery, readCursor } from '../pages.ts';
import { needs } from '../security.ts';

const list = createRoute({
  method: 'get',
  path: '/api/v1/audit',
  summary: 'Who did what, from where, and what came of it; newest first',
  security: needs('admin'),
  request: { query: z.object(pageQuery) },
  responses: { 200: answers('The entries', auditListSchema), ...problems },
});

export function auditRoutes(app: OpenAPIHono, { store }: ApiDeps): void {
  app.openapi(list, async (c) => {
    const { limit, cursor } = c.req.valid('query');
    const entries = await store.audit.before(readCursor(cursor)?.at, limit);
    const next = nextCursor(entries, limit, ({ sequence }) => ({ at: sequence, id: '' }));
    return c.json({ entries, next }, 200);
  });
}
