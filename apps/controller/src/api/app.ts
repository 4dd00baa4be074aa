import { createRoute, OpenAPIHono } from '@hono/zod-openapi';
import { protocolVersion, versionInfoSchema } from '@tacet/protocol';
import { bodyLimit } from 'hono/body-limit';
import { z } from 'zod';
import { Failure } from '../failure.ts';
import { bearerAuth } from './auth.ts';
import type { ApiDeps } from './deps.ts';
import { answers, problems } from './describe.ts';
import { problemResponse } from './problems.ts';
import { agentRoutes, enrolPath } from './routes/agents.ts';
import { eventRoutes } from './routes/events.ts';
import { guestRoutes } from './routes/guests.ts';
import { operationRoutes } from './routes/operations.ts';

const MAX_BODY_BYTES = 64 * 1024;
const descriptionPath = '/api/v1/openapi.json';
const healthPath = '/healthz';

const version = createRoute({
  method: 'get',
  path: '/api/v1/version',
  summary: 'Which controller this is',
  responses: { 200: answers('Its version', versionInfoSchema), ...problems },
});

const health = createRoute({
  method: 'get',
  path: healthPath,
  summary: 'Whether the controller answers',
  security: [],
  responses: { 200: answers('It does', z.object({ status: z.literal('ok') })), ...problems },
});

/** The HTTP API. Everything that is refused is a problem+json with a code. */
export function createApi(deps: ApiDeps): OpenAPIHono {
  const app = new OpenAPIHono({
    defaultHook: (result) => {
      if (result.success) return;
      const cause = new Error(z.prettifyError(result.error));
      throw new Failure('invalid-input', `the request's ${result.target} is not valid`, { cause });
    },
  });
  app.onError((error, c) => {
    if (!(error instanceof Failure)) deps.log.error('a request failed', { path: c.req.path, error });
    return problemResponse(c, error);
  });
  app.notFound((c) => problemResponse(c, new Failure('not-found', `no such path: ${c.req.path}`)));
  app.use(bearerAuth(deps.tokenHash, new Set([enrolPath, descriptionPath, healthPath])));
  app.use(
    bodyLimit({
      maxSize: MAX_BODY_BYTES,
      onError: () => {
        throw new Failure('invalid-input', `the body has more than ${MAX_BODY_BYTES} bytes`);
      },
    }),
  );

  app.openapi(health, (c) => c.json({ status: 'ok' as const }, 200));
  app.openapi(version, (c) => {
    const { version: own, simulation } = deps;
    return c.json({ version: own, protocol: protocolVersion, simulatedNodes: [...simulation.nodes] }, 200);
  });
  guestRoutes(app, deps);
  operationRoutes(app, deps);
  eventRoutes(app, deps);
  agentRoutes(app, deps);

  app.openAPIRegistry.registerComponent('securitySchemes', 'bearer', { type: 'http', scheme: 'bearer' });
  app.doc31(descriptionPath, {
    openapi: '3.1.0',
    info: { title: 'Tacet controller', version: deps.version },
    security: [{ bearer: [] }],
  });
  return app;
}
