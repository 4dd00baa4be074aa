import { createRoute, type OpenAPIHono } from '@hono/zod-openapi';
import { z } from 'zod';
import { browsable } from '../browsable.ts';
import type { ApiDeps } from '../deps.ts';
import { answers, problems } from '../describe.ts';
import { withOperationIds } from '../operation-ids.ts';
import { openToAll, securitySchemes } from '../security.ts';

const documentSchema = z.looseObject({ openapi: z.string() });

const description = createRoute({
  method: 'get',
  path: '/api/v1/openapi.json',
  summary: 'This description: OpenAPI 3.1',
  security: openToAll,
  responses: { 200: answers('The description', documentSchema), ...problems },
});

const page = createRoute({
  method: 'get',
  path: '/api/v1/docs',
  summary: 'This description as a page for people',
  security: openToAll,
  responses: {
    200: { description: 'The page', content: { 'text/html': { schema: z.string() } } },
    ...problems,
  },
});

/** To be called when every other route is there. */
export function descriptionRoutes(app: OpenAPIHono, { version }: ApiDeps): void {
  for (const [name, scheme] of Object.entries(securitySchemes)) {
    app.openAPIRegistry.registerComponent('securitySchemes', name, scheme);
  }
  app.openapi(description, (c) => c.json(document, 200));
  app.openapi(page, (c) => c.html(browsable(document), 200));
  const described = app.getOpenAPI31Document({
    openapi: '3.1.0',
    info: { title: 'Tacet controller', version, license: { name: 'Apache-2.0' } },
    servers: [{ url: '/' }],
  });
  const document = documentSchema.parse({ ...described, paths: withOperationIds(described.paths ?? {}) });
}
