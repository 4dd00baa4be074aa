import { createRoute, type OpenAPIHono } from '@hono/zod-openapi';
import { z } from 'zod';
import type { ApiDeps } from '../deps.ts';
import { problems } from '../describe.ts';
import { needs } from '../security.ts';

export const metricsPath = '/metrics';

const scrape = createRoute({
  method: 'get',
  path: metricsPath,
  summary: 'Metrics for Prometheus; from this machine also without a token where the configuration says so',
  security: needs('viewer'),
  responses: {
    200: {
      description: 'In the text format of Prometheus',
      content: { 'text/plain': { schema: z.string() } },
    },
    ...problems,
  },
});

export function metricsRoutes(app: OpenAPIHono, { metrics }: ApiDeps): void {
  app.openapi(scrape, async (c) => {
    const text = await metrics.text();
    return c.text(text, 200, { 'Content-Type': metrics.contentType });
  });
}
