import { createRoute, type OpenAPIHono } from '@hono/zod-openapi';
import { operationSchema, thawResultSchema } from '@tacet/protocol';
import type { Context } from 'hono';
import { z } from 'zod';
import type { ApiDeps } from '../deps.ts';
import { answers, problems, vmidPath } from '../describe.ts';
import { needs } from '../security.ts';

const rehearse = createRoute({
  method: 'post',
  path: '/api/v1/guests/{vmid}/rehearsals',
  summary: 'Hold and thaw a guest without a backup, to see how long writes wait',
  security: needs('operator'),
  request: { params: vmidPath },
  responses: { 202: answers('It runs; follow the operation', operationSchema), ...problems },
});

const thaw = createRoute({
  method: 'post',
  path: '/api/v1/guests/{vmid}/thaw',
  summary:
    'Thaw a guest now, whatever it is held for; a backup whose snapshot is not there yet is worth less then',
  security: needs('operator'),
  request: { params: vmidPath },
  responses: {
    200: answers('How the hold ended; `releasedBy` is null where nothing was held', thawResultSchema),
    ...problems,
  },
});

const cancel = createRoute({
  method: 'post',
  path: '/api/v1/operations/{id}/cancellation',
  summary:
    'Cancel a backup or a rehearsal: thaw first, then have the node stop; follow the operation to its end',
  security: needs('operator'),
  request: { params: z.object({ id: z.string() }) },
  responses: { 202: answers('It is being cancelled', operationSchema), ...problems },
});

/** As an operation says who cancelled it. */
function callerOf({ var: { principal } }: Context): string {
  return principal === undefined ? 'somebody' : `${principal.kind} ${principal.name}`;
}

/** What somebody does who does not want to wait for what goes on by itself. */
export function interventionRoutes(app: OpenAPIHono, { operations, thawNow }: ApiDeps): void {
  app.openapi(rehearse, async (c) => c.json(await operations.rehearse(c.req.valid('param').vmid), 202));

  app.openapi(thaw, async (c) => {
    const { vmid } = c.req.valid('param');
    const result = await thawNow(vmid);
    const what =
      result.releasedBy === null ? 'nothing was held' : `${result.services.length} services were held`;
    operations.note(vmid, 'thawed-now', `${callerOf(c)} had the guest thawed: ${what}`);
    return c.json(result, 200);
  });

  app.openapi(cancel, async (c) =>
    c.json(await operations.cancel(c.req.valid('param').id, callerOf(c)), 202),
  );
}
