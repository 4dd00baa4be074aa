import { createRoute, type OpenAPIHono } from '@hono/zod-openapi';
import {
  channelInputSchema,
  channelListSchema,
  channelNameSchema,
  channelTestSchema,
  channelViewSchema,
  deliveryListSchema,
} from '@tacet/protocol';
import { z } from 'zod';
import type { ApiDeps } from '../deps.ts';
import { answers, body, problems } from '../describe.ts';
import { needs } from '../security.ts';

const params = z.object({ name: channelNameSchema });
/** The version that the change expects to find, 0 for none. Left out: whatever is there. */
const query = z.object({ version: z.coerce.number().int().nonnegative().optional() });

const list = createRoute({
  method: 'get',
  path: '/api/v1/notifications',
  summary: 'Every channel that people are told through, by name',
  security: needs('viewer'),
  responses: { 200: answers('The channels, without their secrets', channelListSchema), ...problems },
});

const one = createRoute({
  method: 'get',
  path: '/api/v1/notifications/{name}',
  summary: 'One channel',
  security: needs('viewer'),
  request: { params },
  responses: { 200: answers('The channel, without its secrets', channelViewSchema), ...problems },
});

const put = createRoute({
  method: 'put',
  path: '/api/v1/notifications/{name}',
  summary: 'Make or change a channel; secrets that are left out stay as they are',
  security: needs('admin'),
  request: { params, query, body: body(channelInputSchema) },
  responses: { 200: answers('As it is now, without its secrets', channelViewSchema), ...problems },
});

const remove = createRoute({
  method: 'delete',
  path: '/api/v1/notifications/{name}',
  summary: 'Delete a channel, and what was to be sent through it',
  security: needs('admin'),
  request: { params, query },
  responses: { 204: { description: 'It is gone' }, ...problems },
});

const test = createRoute({
  method: 'post',
  path: '/api/v1/notifications/{name}/test',
  summary: 'Send a test through a channel, and wait for what comes of it',
  security: needs('operator'),
  request: { params },
  responses: { 200: answers('What came of it', channelTestSchema), ...problems },
});

const deliveries = createRoute({
  method: 'get',
  path: '/api/v1/notifications/{name}/deliveries',
  summary: 'The messages of a channel, newest first, and how far each is',
  security: needs('viewer'),
  request: { params, query: z.object({ limit: z.coerce.number().int().min(1).max(200).default(50) }) },
  responses: { 200: answers('The messages', deliveryListSchema), ...problems },
});

export function notificationRoutes(app: OpenAPIHono, { notifications, signal }: ApiDeps): void {
  app.openapi(list, async (c) => c.json({ channels: await notifications.list() }, 200));

  app.openapi(one, async (c) => c.json(await notifications.get(c.req.valid('param').name), 200));

  app.openapi(put, async (c) => {
    const { name } = c.req.valid('param');
    const { version } = c.req.valid('query');
    return c.json(await notifications.put(name, c.req.valid('json'), expected(version)), 200);
  });

  app.openapi(remove, async (c) => {
    await notifications.delete(c.req.valid('param').name, expected(c.req.valid('query').version));
    return c.body(null, 204);
  });

  app.openapi(test, async (c) => {
    const { name } = c.req.valid('param');
    return c.json(await notifications.test(name, AbortSignal.any([signal, c.req.raw.signal])), 200);
  });

  app.openapi(deliveries, async (c) => {
    const found = await notifications.deliveries(c.req.valid('param').name, c.req.valid('query').limit);
    return c.json({ deliveries: found }, 200);
  });
}

function expected(version: number | undefined): number | 'nothing' | undefined {
  return version === 0 ? 'nothing' : version;
}
