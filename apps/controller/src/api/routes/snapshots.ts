import { createRoute, type OpenAPIHono } from '@hono/zod-openapi';
import {
  guestSnapshotListSchema,
  operationSchema,
  startDrillSchema,
  startRollbackSchema,
  startSnapshotSchema,
} from '@tacet/protocol';
import { chosenBackup } from '../chosen-backup.ts';
import type { ApiDeps } from '../deps.ts';
import { answers, body, problems, vmidPath } from '../describe.ts';
import { needs } from '../security.ts';

const list = createRoute({
  method: 'get',
  path: '/api/v1/guests/{vmid}/snapshots',
  summary: 'The snapshots of a guest, newest first, with the verdicts of those that this controller took',
  security: needs('viewer'),
  request: { params: vmidPath },
  responses: { 200: answers('The snapshots', guestSnapshotListSchema), ...problems },
});

const take = createRoute({
  method: 'post',
  path: '/api/v1/guests/{vmid}/snapshots',
  summary: 'Start a snapshot of a guest that is held meanwhile, before something is changed in it',
  security: needs('operator'),
  request: { params: vmidPath, body: body(startSnapshotSchema) },
  responses: { 202: answers('It runs; follow the operation', operationSchema), ...problems },
});

const rollBack = createRoute({
  method: 'post',
  path: '/api/v1/guests/{vmid}/rollbacks',
  summary: 'Take a guest back to a snapshot; what was written since is lost',
  security: needs('operator'),
  request: { params: vmidPath, body: body(startRollbackSchema) },
  responses: { 202: answers('It runs; follow the operation', operationSchema), ...problems },
});

const drill = createRoute({
  method: 'post',
  path: '/api/v1/guests/{vmid}/drills',
  summary: 'Prove a backup: restore it into a scratch guest, wait until that is ready, destroy it',
  security: needs('operator'),
  request: { params: vmidPath, body: body(startDrillSchema) },
  responses: { 202: answers('It runs; follow the operation', operationSchema), ...problems },
});

/** What is done with a guest beside backups and restores. */
export function snapshotRoutes(app: OpenAPIHono, deps: ApiDeps): void {
  const { operations, signal } = deps;

  app.openapi(list, async (c) => {
    const { vmid } = c.req.valid('param');
    return c.json({ snapshots: await operations.snapshots(vmid, signal) }, 200);
  });

  app.openapi(take, async (c) => {
    const { vmid } = c.req.valid('param');
    return c.json(await operations.snapshot(vmid, c.req.valid('json').before), 202);
  });

  app.openapi(rollBack, async (c) => {
    const { vmid } = c.req.valid('param');
    return c.json(await operations.rollBack(vmid, c.req.valid('json').name, signal), 202);
  });

  app.openapi(drill, async (c) => {
    const { vmid } = c.req.valid('param');
    const backup = await chosenBackup(deps, vmid, c.req.valid('json').backupId);
    return c.json(await operations.drill(backup, signal), 202);
  });
}
