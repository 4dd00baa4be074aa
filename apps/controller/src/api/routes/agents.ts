import { createRoute, type OpenAPIHono } from '@hono/zod-openapi';
import { enrolRequestSchema, enrolResponseSchema } from '@tacet/protocol';
import type { ApiDeps } from '../deps.ts';
import { answers, body, problems } from '../describe.ts';
import { openToAll } from '../security.ts';

const enrol = createRoute({
  method: 'post',
  path: '/api/v1/agents/enroll',
  summary: 'For agents: trade a one-time token for a credential',
  security: openToAll,
  request: { body: body(enrolRequestSchema) },
  responses: { 200: answers('The guest’s own credential', enrolResponseSchema), ...problems },
});

export function agentRoutes(app: OpenAPIHono, { enrolment }: ApiDeps): void {
  app.openapi(enrol, async (c) => c.json(await enrolment.enrol(c.req.valid('json')), 200));
}
