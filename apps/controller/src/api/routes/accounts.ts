import { createRoute, type OpenAPIHono } from '@hono/zod-openapi';
import {
  accessNameSchema,
  accountChangeSchema,
  accountListSchema,
  type Account,
  accountSchema,
  newAccountSchema,
} from '@tacet/protocol';
import { z } from 'zod';
import { hashPassword } from '../../access/password-hash.ts';
import { Failure } from '../../failure.ts';
import type { ApiDeps } from '../deps.ts';
import { answers, body, problems } from '../describe.ts';
import { needs } from '../security.ts';

const namePath = z.object({ name: accessNameSchema });

const list = createRoute({
  method: 'get',
  path: '/api/v1/accounts',
  summary: 'Every account',
  security: needs('admin'),
  responses: { 200: answers('The accounts', accountListSchema), ...problems },
});

const create = createRoute({
  method: 'post',
  path: '/api/v1/accounts',
  summary: 'Make an account',
  security: needs('admin'),
  request: { body: body(newAccountSchema) },
  responses: { 201: answers('The account', accountSchema), ...problems },
});

const change = createRoute({
  method: 'patch',
  path: '/api/v1/accounts/{name}',
  summary: 'Change the role or the password of an account',
  security: needs('admin'),
  request: { params: namePath, body: body(accountChangeSchema) },
  responses: { 200: answers('The account', accountSchema), ...problems },
});

const remove = createRoute({
  method: 'delete',
  path: '/api/v1/accounts/{name}',
  summary: 'Remove an account; its logins end',
  security: needs('admin'),
  request: { params: namePath },
  responses: { 204: { description: 'Removed' }, ...problems },
});

export function accountRoutes(app: OpenAPIHono, { access, store, clock }: ApiDeps): void {
  const { accounts, logins } = store;

  const get = async (name: string): Promise<Account> => {
    const found = await accounts.get(name);
    if (found === undefined) throw new Failure('not-found', `there is no account ${name}`);
    const { passwordHash: _, ...account } = found;
    return account;
  };

  app.openapi(list, async (c) => c.json({ accounts: await accounts.list() }, 200));

  app.openapi(create, async (c) => {
    const { name, role, password } = c.req.valid('json');
    c.set('auditSubject', `${name}, ${role}`);
    const passwordHash = await hashPassword(password);
    const made = await accounts.create({ name, role, passwordHash, now: clock.now() }, { first: false });
    if (!made) throw new Failure('conflict', `there is an account ${name} already`);
    return c.json(await get(name), 201);
  });

  app.openapi(change, async (c) => {
    const { name } = c.req.valid('param');
    const { role, password } = c.req.valid('json');
    c.set('auditSubject', [role, password && 'password'].filter(Boolean).join(', '));
    requireOwn(await get(name));
    if (role !== undefined) requireDone(await accounts.setRole(name, role), name);
    if (password !== undefined) {
      await accounts.setPassword(name, await hashPassword(password));
      await logins.removeOf(name);
    }
    access.changed();
    return c.json(await get(name), 200);
  });

  app.openapi(remove, async (c) => {
    const { name } = c.req.valid('param');
    await get(name);
    requireDone(await accounts.remove(name), name);
    access.changed();
    return c.body(null, 204);
  });
}

/** What is changed here would be changed back at the next login. */
function requireOwn({ name, issuer }: Account): void {
  if (issuer === undefined) return;
  throw new Failure('conflict', `${issuer} vouches for ${name}, who has no password here`, {
    hint: 'The role is that of a group: change the groups there, or `oidc.roles` in the configuration.',
  });
}

function requireDone(result: 'done' | 'last-admin', name: string): void {
  if (result === 'done') return;
  throw new Failure('conflict', `${name} is the only admin, and somebody has to be one`, {
    hint: 'Make another account an admin first.',
  });
}
