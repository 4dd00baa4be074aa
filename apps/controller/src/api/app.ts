import { createRoute, OpenAPIHono } from '@hono/zod-openapi';
import { protocolVersion, versionInfoSchema } from '@tacet/protocol';
import { bodyLimit } from 'hono/body-limit';
import { HTTPException } from 'hono/http-exception';
import { z } from 'zod';
import { Failure } from '../failure.ts';
import { auditTrail } from './audit-trail.ts';
import { authorize } from './authorize.ts';
import { conditionalGet } from './conditional-get.ts';
import { dashboardFiles } from './dashboard-files.ts';
import type { ApiDeps } from './deps.ts';
import { answers, problems } from './describe.ts';
import { problemResponse } from './problems.ts';
import { requestTimes } from './request-times.ts';
import { RouteTable } from './route-table.ts';
import { accountRoutes } from './routes/accounts.ts';
import { agentRoutes } from './routes/agents.ts';
import { apiTokenRoutes } from './routes/api-tokens.ts';
import { auditRoutes } from './routes/audit.ts';
import { descriptionRoutes } from './routes/description.ts';
import { doctorRoutes } from './routes/doctor.ts';
import { eventStreamRoutes } from './routes/event-stream.ts';
import { copyRoutes } from './routes/copies.ts';
import { eventRoutes } from './routes/events.ts';
import { guestRoutes } from './routes/guests.ts';
import { loginRoutes } from './routes/logins.ts';
import { installationRoutes } from './routes/installation.ts';
import { interventionRoutes } from './routes/interventions.ts';
import { metricsRoutes } from './routes/metrics.ts';
import { notificationRoutes } from './routes/notifications.ts';
import { oidcRoutes } from './routes/oidc.ts';
import { operationRoutes } from './routes/operations.ts';
import { probeRoutes } from './routes/probes.ts';
import { snapshotRoutes } from './routes/snapshots.ts';
import { scheduleRoutes } from './routes/schedules.ts';
import { securityHeaders } from './security-headers.ts';
import { needs } from './security.ts';

const MAX_BODY_BYTES = 64 * 1024;

const version = createRoute({
  method: 'get',
  path: '/api/v1/version',
  summary: 'Which controller this is',
  security: needs('viewer'),
  responses: { 200: answers('Its version', versionInfoSchema), ...problems },
});

/**
 * The HTTP API, and the dashboard everywhere else. Everything that is refused is a problem+json with a code.
 *
 * A route says who may ask it where it is described, in its `createRoute`: `security: needs('viewer')` to look,
 * `needs('operator')` for what touches guests, `needs('admin')` for what decides who may; `openToAll` for what brings
 * its own proof. One that says nothing is refused to everybody, and fails the tests.
 */
export function createApi(deps: ApiDeps): OpenAPIHono {
  const app = new OpenAPIHono({
    defaultHook: (result) => {
      if (result.success) return;
      const cause = new Error(z.prettifyError(result.error));
      throw new Failure('invalid-input', `the request's ${result.target} is not valid`, { cause });
    },
  });
  app.onError((error, c) => {
    // What a client got wrong is the client's to know.
    if (!isRefusal(error)) deps.log.error('a request failed', { path: c.req.path, error });
    return problemResponse(c, error);
  });
  app.notFound((c) => problemResponse(c, new Failure('not-found', `no such path: ${c.req.path}`)));
  const routes = new RouteTable(app);
  app.use(securityHeaders());
  app.use(requestTimes(deps, routes));
  app.use(auditTrail({ ...deps, audit: deps.store.audit }, routes));
  app.use(authorize(deps, routes));
  app.use(
    bodyLimit({
      maxSize: MAX_BODY_BYTES,
      onError: () => {
        throw new Failure('invalid-input', `the body has more than ${MAX_BODY_BYTES} bytes`);
      },
    }),
  );

  app.use(conditionalGet());

  probeRoutes(app, deps);
  app.openapi(version, (c) => {
    const { version: own, simulation } = deps;
    return c.json({ version: own, protocol: protocolVersion, simulatedNodes: [...simulation.nodes] }, 200);
  });
  guestRoutes(app, deps);
  copyRoutes(app, deps);
  operationRoutes(app, deps);
  installationRoutes(app, deps);
  interventionRoutes(app, deps);
  snapshotRoutes(app, deps);
  scheduleRoutes(app, deps);
  notificationRoutes(app, deps);
  eventStreamRoutes(app, deps);
  eventRoutes(app, deps);
  agentRoutes(app, deps);
  loginRoutes(app, deps);
  oidcRoutes(app, deps);
  accountRoutes(app, deps);
  apiTokenRoutes(app, deps);
  auditRoutes(app, deps);
  doctorRoutes(app, deps);
  metricsRoutes(app, deps);

  descriptionRoutes(app, deps);
  app.get('*', dashboardFiles(deps.web.dashboardDir));
  return app;
}

function isRefusal(error: unknown): boolean {
  return error instanceof Failure || (error instanceof HTTPException && error.status < 500);
}
