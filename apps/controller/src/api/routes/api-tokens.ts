import { createRoute, type OpenAPIHono } from '@hono/zod-openapi';
import { accessNameSchema, apiTokenListSchema, madeApiTokenSchema, newApiTokenSchema } from '@tacet/protocol';
import { z } from 'zod';
import { OWN_TOKEN } from '../../api-token.ts';
import { Failure } from '../../failure.ts';
import type { ApiDeps } from '../deps.ts';
import { answers, body, problems } from '../describe.ts';
import { needs } from '../security.ts';

const list = createRoute({
  method: 'get',
  path: '/api/v1/tokens',
  summary: 'Every API token, without its secret; `cli` is the one in cli.json',
  security: needs('admin'),
  responses: { 200: answers('The tokens', apiTokenListSchema), ...problems },
});

const create = createRoute({
  method: 'post',
  path: '/api/v1/tokens',
  summary: 'Make an API token; its secret is shown this once',
  security: needs('admin'),
  request: { body: body(newApiTokenSchema) },
  responses: { 201: answers('The token with its secret', madeApiTokenSchema), ...problems },
});

const remove = createRoute({
  method: 'delete',
  path: '/api/v1/tokens/{name}',
  summary: 'Remove an API token; it is worth nothing at once',
  security: needs('admin'),
  request: { params: z.object({ name: accessNameSchema }) },
  responses: { 204: { description: 'Removed' }, ...problems },
});

export function apiTokenRoutes(app: OpenAPIHono, { access, store, clock }: ApiDeps): void {
  app.openapi(list, async (c) => c.json({ tokens: await store.apiTokens.list() }, 200));

  app.openapi(create, async (c) => {
    const { name, role, expiresAt } = c.req.valid('json');
    c.set('auditSubject', `${name}, ${role}`);
    const now = clock.now();
    if (expiresAt !== null && expiresAt <= now) {
      throw new Failure('invalid-input', 'the token would have expired already', {
        hint: 'expiresAt is in milliseconds since 1970; null is for no end.',
      });
    }
    const secret = await access.makeToken({ name, role, expiresAt });
    return c.json({ name, role, expiresAt, createdAt: now, lastUsedAt: null, secret }, 201);
  });

  app.openapi(remove, async (c) => {
    const { name } = c.req.valid('param');
    if (name === OWN_TOKEN) {
      throw new Failure('conflict', 'this is the token with which the machine’s own root comes in', {
        hint: 'For another one remove cli.json from the state directory, and restart the controller.',
      });
    }
    if (!(await store.apiTokens.remove(name)))
      throw new Failure('not-found', `there is no API token ${name}`);
    access.changed();
    return c.body(null, 204);
  });
}
