import { createRoute, type OpenAPIHono } from '@hono/zod-openapi';
import {
  credentialsSchema,
  loginSchema,
  passwordChangeSchema,
  setupSchema,
  setupStateSchema,
} from '@tacet/protocol';
import type { Context } from 'hono';
import type { NewLogin } from '../../access/access.ts';
import type { Principal } from '../../access/principal.ts';
import { Failure } from '../../failure.ts';
import { hashSecret } from '../../secrets.ts';
import type { ApiDeps } from '../deps.ts';
import { answers, body, problems } from '../describe.ts';
import { clearLoginCookie, loginCookie, setLoginCookie } from '../login-cookie.ts';
import { needs, openToAll } from '../security.ts';

const setupState = createRoute({
  method: 'get',
  path: '/api/v1/setup',
  summary: 'Whether the first account is still to be made, and whether there is another way in',
  security: openToAll,
  responses: { 200: answers('Whether it is', setupStateSchema), ...problems },
});

const setUp = createRoute({
  method: 'post',
  path: '/api/v1/setup',
  summary: 'Make the first account, an admin, with the token of the link that the controller printed',
  security: openToAll,
  request: { body: body(setupSchema) },
  responses: { 201: answers('It is made, and signed in', loginSchema), ...problems },
});

const logIn = createRoute({
  method: 'post',
  path: '/api/v1/session',
  summary: 'Sign in',
  security: openToAll,
  request: { body: body(credentialsSchema) },
  responses: { 200: answers('Signed in; the cookie is set', loginSchema), ...problems },
});

const whoAmI = createRoute({
  method: 'get',
  path: '/api/v1/session',
  summary: 'Who is signed in here',
  security: needs('viewer'),
  responses: { 200: answers('The account, and the token against forged requests', loginSchema), ...problems },
});

const logOut = createRoute({
  method: 'delete',
  path: '/api/v1/session',
  summary: 'Sign out',
  security: needs('viewer'),
  responses: { 204: { description: 'Signed out' }, ...problems },
});

const changePassword = createRoute({
  method: 'put',
  path: '/api/v1/session/password',
  summary: 'Change one’s own password; other logins of the account end',
  security: needs('viewer'),
  request: { body: body(passwordChangeSchema) },
  responses: { 204: { description: 'Changed' }, ...problems },
});

/** First account, sign in and out: a browser's way in. */
export function loginRoutes(app: OpenAPIHono, { access, web, oidc }: ApiDeps): void {
  const begin = (c: Context, { secret, info }: NewLogin): void => {
    const { name, role } = info.account;
    c.set('principal', { kind: 'account', name, role, secretHash: hashSecret(secret) });
    setLoginCookie(c, secret, web.loginMaxMs);
  };

  app.openapi(setupState, async (c) => {
    const open = !(await access.isSetUp());
    return c.json(oidc === undefined ? { open } : { open, provider: oidc.name }, 200);
  });

  app.openapi(setUp, async (c) => {
    const login = await access.setUp(c.req.valid('json'), c.var.address);
    begin(c, login);
    return c.json(login.info, 201);
  });

  app.openapi(logIn, async (c) => {
    const { name, password } = c.req.valid('json');
    // Only what is an account's name: somebody may have typed a password there.
    if (await access.isAccount(name)) c.set('auditSubject', name);
    const login = await access.logIn(name, password, c.var.address);
    begin(c, login);
    return c.json(login.info, 200);
  });

  app.openapi(whoAmI, (c) => {
    const { principal, secret } = loginOf(c);
    c.header('Cache-Control', 'no-store');
    return c.json(access.infoOf(secret, principal), 200);
  });

  app.openapi(logOut, async (c) => {
    await access.logOut(loginOf(c).principal);
    clearLoginCookie(c);
    return c.body(null, 204);
  });

  app.openapi(changePassword, async (c) => {
    await access.changePassword(loginOf(c).principal, c.req.valid('json'), c.var.address);
    return c.body(null, 204);
  });
}

/** @throws Failure `wrong-state` for an API token, which signs nobody in */
function loginOf(c: Context): { principal: Principal; secret: string } {
  const { principal } = c.var;
  const secret = loginCookie(c);
  if (principal?.kind === 'account' && secret !== undefined) return { principal, secret };
  throw new Failure('wrong-state', 'this is about a browser that is signed in, and an API token is none');
}
