import { createRoute, type OpenAPIHono } from '@hono/zod-openapi';
import {
  backupListSchema,
  operationListSchema,
  operationSchema,
  startBackupSchema,
  startRestoreSchema,
} from '@tacet/protocol';
import { z } from 'zod';
import { Failure } from '../../failure.ts';
import type { ApiDeps } from '../deps.ts';
import { answers, body, problems, vmidParam, vmidPath } from '../describe.ts';

const limit = z.coerce.number().int().min(1).max(1000).default(100);

const backup = createRoute({
  method: 'post',
  path: '/api/v1/guests/{vmid}/backups',
  summary: 'Start a backup',
  request: { params: vmidPath, body: body(startBackupSchema) },
  responses: { 202: answers('It runs; follow the operation', operationSchema), ...problems },
});

const restore = createRoute({
  method: 'post',
  path: '/api/v1/guests/{vmid}/restores',
  summary: 'Start a restore of one of this guest’s backups under another VMID',
  request: { params: vmidPath, body: body(startRestoreSchema) },
  responses: { 202: answers('It runs; follow the operation', operationSchema), ...problems },
});

const operations = createRoute({
  method: 'get',
  path: '/api/v1/operations',
  summary: 'Operations, newest first',
  request: { query: z.object({ limit }) },
  responses: { 200: answers('The operations', operationListSchema), ...problems },
});

const operation = createRoute({
  method: 'get',
  path: '/api/v1/operations/{id}',
  summary: 'One operation with its steps, and its backup with the verdict',
  request: { params: z.object({ id: z.string() }) },
  responses: { 200: answers('The operation', operationSchema), ...problems },
});

const backups = createRoute({
  method: 'get',
  path: '/api/v1/backups',
  summary: 'Backups with their verdicts, newest first',
  request: { query: z.object({ vmid: vmidParam.optional(), limit }) },
  responses: { 200: answers('The backups', backupListSchema), ...problems },
});

export function operationRoutes(app: OpenAPIHono, deps: ApiDeps): void {
  const { store } = deps;

  app.openapi(backup, async (c) => {
    const { vmid } = c.req.valid('param');
    const { storage } = c.req.valid('json');
    return c.json(await deps.operations.backup(vmid, storage), 202);
  });

  app.openapi(restore, async (c) => {
    const { vmid } = c.req.valid('param');
    const { backupId, to, storage } = c.req.valid('json');
    const [newest] = await store.backups.list(vmid, 1);
    const chosen = backupId === undefined ? newest : await store.backups.get(backupId);
    if (chosen === undefined || chosen.vmid !== vmid) {
      const which = backupId === undefined ? 'any backup' : `a backup ${backupId}`;
      throw new Failure('not-found', `this controller has not made ${which} of guest ${vmid}`, {
        hint: `tacet backups ${vmid} lists those that it has made.`,
      });
    }
    return c.json(await deps.operations.restore({ backup: chosen, to, storage }, deps.signal), 202);
  });

  app.openapi(operations, async (c) => {
    const found = await deps.operations.list(c.req.valid('query').limit);
    return c.json({ operations: found }, 200);
  });

  app.openapi(operation, async (c) => {
    const { id } = c.req.valid('param');
    const found = await deps.operations.get(id);
    if (found !== undefined) return c.json(found, 200);
    throw new Failure('not-found', `no operation ${id}`);
  });

  app.openapi(backups, async (c) => {
    const query = c.req.valid('query');
    return c.json({ backups: await store.backups.list(query.vmid, query.limit) }, 200);
  });
}
