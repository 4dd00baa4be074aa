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
import { chosenBackup } from '../chosen-backup.ts';
import type { ApiDeps } from '../deps.ts';
import { answers, body, problems, vmidParam, vmidPath } from '../describe.ts';
import { nextCursor, pageQuery, readCursor } from '../pages.ts';
import { needs } from '../security.ts';

const backup = createRoute({
  method: 'post',
  path: '/api/v1/guests/{vmid}/backups',
  summary: 'Start a backup',
  security: needs('operator'),
  request: { params: vmidPath, body: body(startBackupSchema) },
  responses: { 202: answers('It runs; follow the operation', operationSchema), ...problems },
});

const restore = createRoute({
  method: 'post',
  path: '/api/v1/guests/{vmid}/restores',
  summary: 'Start a restore of one of this guest’s backups: under another VMID, or in place',
  security: needs('operator'),
  request: { params: vmidPath, body: body(startRestoreSchema) },
  responses: { 202: answers('It runs; follow the operation', operationSchema), ...problems },
});

const operations = createRoute({
  method: 'get',
  path: '/api/v1/operations',
  summary: 'Operations, newest first',
  security: needs('viewer'),
  request: { query: z.object(pageQuery) },
  responses: { 200: answers('The operations', operationListSchema), ...problems },
});

const operation = createRoute({
  method: 'get',
  path: '/api/v1/operations/{id}',
  summary: 'One operation with its steps, and its backup with the verdict',
  security: needs('viewer'),
  request: { params: z.object({ id: z.string() }) },
  responses: { 200: answers('The operation', operationSchema), ...problems },
});

const backups = createRoute({
  method: 'get',
  path: '/api/v1/backups',
  summary: 'Backups with their verdicts, newest first',
  security: needs('viewer'),
  request: { query: z.object({ vmid: vmidParam.optional(), ...pageQuery }) },
  responses: { 200: answers('The backups', backupListSchema), ...problems },
});

export function operationRoutes(app: OpenAPIHono, deps: ApiDeps): void {
  const { store } = deps;

  app.openapi(backup, async (c) => {
    const { vmid } = c.req.valid('param');
    return c.json(await deps.operations.backup(vmid, c.req.valid('json')), 202);
  });

  app.openapi(restore, async (c) => {
    const { vmid } = c.req.valid('param');
    const { backupId, ...wanted } = c.req.valid('json');
    const backup = await chosenBackup(deps, vmid, backupId);
    const request = { ...wanted, storage: wanted.storage, backup };
    return c.json(await deps.operations.restore(request, deps.signal), 202);
  });

  app.openapi(operations, async (c) => {
    const { limit, cursor } = c.req.valid('query');
    const found = await deps.operations.list(limit, readCursor(cursor));
    const next = nextCursor(found, limit, ({ startedAt: at, id }) => ({ at, id }));
    return c.json({ operations: found, next }, 200);
  });

  app.openapi(operation, async (c) => {
    const { id } = c.req.valid('param');
    const found = await deps.operations.get(id);
    if (found !== undefined) return c.json(found, 200);
    throw new Failure('not-found', `no operation ${id}`);
  });

  app.openapi(backups, async (c) => {
    const { vmid, limit, cursor } = c.req.valid('query');
    const found = await store.backups.list(vmid, limit, readCursor(cursor));
    const next = nextCursor(found, limit, ({ finishedAt: at, id }) => ({ at, id }));
    return c.json({ backups: found, next }, 200);
  });
}
