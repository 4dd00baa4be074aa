import { createRoute, type OpenAPIHono } from '@hono/zod-openapi';
import {
  scheduleListSchema,
  scheduleNameSchema,
  schedulePreviewSchema,
  scheduleRunListSchema,
  scheduleSchema,
  scheduleViewSchema,
  startedRunsSchema,
  startRunsSchema,
} from '@tacet/protocol';
import { z } from 'zod';
import { Failure } from '../../failure.ts';
import type { ApiDeps } from '../deps.ts';
import { answers, body, problems } from '../describe.ts';
import { needs } from '../security.ts';

const params = z.object({ name: scheduleNameSchema });
/** The version that the change expects to find, 0 for none. Left out: whatever is there. */
const query = z.object({ version: z.coerce.number().int().nonnegative().optional() });

const list = createRoute({
  method: 'get',
  path: '/api/v1/schedules',
  summary: 'Every schedule, by name',
  security: needs('viewer'),
  responses: { 200: answers('The schedules', scheduleListSchema), ...problems },
});

const one = createRoute({
  method: 'get',
  path: '/api/v1/schedules/{name}',
  summary: 'One schedule',
  security: needs('viewer'),
  request: { params },
  responses: { 200: answers('The schedule', scheduleViewSchema), ...problems },
});

const put = createRoute({
  method: 'put',
  path: '/api/v1/schedules/{name}',
  summary: 'Make or change a schedule',
  security: needs('operator'),
  request: { params, query, body: body(scheduleSchema) },
  responses: { 200: answers('As it is now', scheduleViewSchema), ...problems },
});

const remove = createRoute({
  method: 'delete',
  path: '/api/v1/schedules/{name}',
  summary: 'Delete a schedule; its backups that are under way go on',
  security: needs('operator'),
  request: { params, query },
  responses: { 204: { description: 'It is gone' }, ...problems },
});

const preview = createRoute({
  method: 'get',
  path: '/api/v1/schedules/{name}/preview',
  summary: 'The next times of a schedule, and whom it selects',
  security: needs('viewer'),
  request: { params, query: z.object({ events: z.coerce.number().int().min(1).max(100).default(5) }) },
  responses: { 200: answers('What it would do', schedulePreviewSchema), ...problems },
});

const runs = createRoute({
  method: 'get',
  path: '/api/v1/schedules/{name}/runs',
  summary: 'The runs of a schedule, newest first',
  security: needs('viewer'),
  request: { params, query: z.object({ limit: z.coerce.number().int().min(1).max(1000).default(100) }) },
  responses: { 200: answers('The runs', scheduleRunListSchema), ...problems },
});

const start = createRoute({
  method: 'post',
  path: '/api/v1/schedules/{name}/runs',
  summary: 'Run a schedule now, whatever it says of times, for all that it selects or some of them',
  security: needs('operator'),
  request: { params, body: body(startRunsSchema) },
  responses: { 202: answers('Its runs wait for their turn', startedRunsSchema), ...problems },
});

export function scheduleRoutes(app: OpenAPIHono, { schedules, signal }: ApiDeps): void {
  app.openapi(list, (c) => c.json({ schedules: schedules.list() }, 200));

  app.openapi(one, (c) => c.json(schedules.get(c.req.valid('param').name), 200));

  app.openapi(put, async (c) => {
    const { name } = c.req.valid('param');
    const schedule = c.req.valid('json');
    if (schedule.name !== name) {
      throw new Failure('invalid-input', `this is the schedule "${schedule.name}", not "${name}"`, {
        hint: 'A schedule cannot be renamed: put it under its new name, and delete the old one.',
      });
    }
    return c.json(await schedules.put(schedule, expected(c.req.valid('query').version)), 200);
  });

  app.openapi(remove, async (c) => {
    await schedules.delete(c.req.valid('param').name, expected(c.req.valid('query').version));
    return c.body(null, 204);
  });

  app.openapi(preview, async (c) => {
    const { events } = c.req.valid('query');
    return c.json(await schedules.preview(c.req.valid('param').name, events, signal), 200);
  });

  app.openapi(runs, async (c) => {
    const found = await schedules.runs(c.req.valid('param').name, c.req.valid('query').limit);
    return c.json({ runs: found }, 200);
  });

  app.openapi(start, async (c) => {
    const { vmids } = c.req.valid('json');
    return c.json(await schedules.runNow(c.req.valid('param').name, vmids, signal), 202);
  });
}

function expected(version: number | undefined): number | 'nothing' | undefined {
  return version === 0 ? 'nothing' : version;
}
