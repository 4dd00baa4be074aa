import { createRoute, type OpenAPIHono } from '@hono/zod-openapi';
import { nodeListSchema, settingListSchema } from '@tacet/protocol';
import type { ApiDeps } from '../deps.ts';
import { answers, problems } from '../describe.ts';
import { needs } from '../security.ts';

const nodes = createRoute({
  method: 'get',
  path: '/api/v1/nodes',
  summary: 'The configured nodes: whether each answers now, and which token is for which guest; no secret',
  security: needs('viewer'),
  responses: { 200: answers('The nodes', nodeListSchema), ...problems },
});

const settings = createRoute({
  method: 'get',
  path: '/api/v1/settings',
  summary: 'How this controller is configured; no secret, and nothing that may be one',
  security: needs('operator'),
  responses: { 200: answers('The settings, with every default', settingListSchema), ...problems },
});

export function installationRoutes(app: OpenAPIHono, { installation, signal }: ApiDeps): void {
  app.openapi(nodes, async (c) => c.json({ nodes: await installation.nodes(signal) }, 200));
  app.openapi(settings, (c) => c.json({ settings: [...installation.settings] }, 200));
}
