import type { Context, MiddlewareHandler } from 'hono';
import { csrfTokenOf } from '../access/access.ts';
import { isLoopback } from '../access/client-address.ts';
import { type Principal, suffices } from '../access/principal.ts';
import { Failure } from '../failure.ts';
import { hashSecret, secretMatches } from '../secrets.ts';
import { addressOf } from './caller.ts';
import type { ApiDeps } from './deps.ts';
import { loginCookie } from './login-cookie.ts';
import { metricsPath } from './routes/metrics.ts';
import type { RouteTable } from './route-table.ts';

type Deps = Pick<ApiDeps, 'access' | 'web'>;

/**
 * Lets a request through to its route when whoever asks has the role that the route needs. A route that says nothing of
 * a role is refused to everybody. What is no described route is the dashboard's, or nowhere.
 */
export function authorize(deps: Deps, routes: RouteTable): MiddlewareHandler {
  return async (c, next) => {
    const address = addressOf(c, deps.web.trustedProxies);
    c.set('address', address);
    const route = routes.of(c);
    const isApi = c.req.path === '/api' || c.req.path.startsWith('/api/');
    if (route === undefined && !isApi) return await next();

    // Nobody learns what there is and what not.
    const needed = route === undefined ? 'viewer' : route.needs;
    if (needed === undefined) throw new Failure('forbidden', 'this route does not say who may ask it');
    if (needed === 'nobody') {
      if (isUnsafe(c)) requireOwnOrigin(c, deps, c.req.header('Origin'));
      return await next();
    }
    if (route?.path === metricsPath && mayScrapeFromHere(c, deps, address)) return await next();

    const principal = await recognise(c, deps);
    c.set('principal', principal);
    if (!suffices(principal.role, needed)) {
      throw new Failure(
        'forbidden',
        `this needs the role ${needed}; ${principal.name} is ${principal.role}`,
        {
          hint: 'Ask an admin of this controller for an account or a token with that role.',
        },
      );
    }
    await next();
  };
}

/** @throws Failure `unauthorized`, or `forbidden` where a page of somebody else's may be asking */
async function recognise(c: Context, deps: Deps): Promise<Principal> {
  const authorization = c.req.header('Authorization');
  if (authorization !== undefined) {
    const [scheme, token = ''] = authorization.split(' ');
    const principal =
      scheme?.toLowerCase() === 'bearer' && token !== '' ? await deps.access.byToken(token) : undefined;
    if (principal !== undefined) return principal;
    throw new Failure('unauthorized', 'a valid API token is needed', {
      hint: 'Send `Authorization: Bearer TOKEN`; it may have expired, or have been removed.',
    });
  }
  const cookie = loginCookie(c);
  const principal = cookie === undefined ? undefined : await deps.access.byCookie(cookie, { use: true });
  if (cookie === undefined || principal === undefined) {
    throw new Failure('unauthorized', 'nobody is signed in', {
      hint: 'Sign in, or send `Authorization: Bearer TOKEN`; one is in cli.json in the state directory.',
    });
  }
  requireOwnPage(c, deps, cookie);
  return principal;
}

/** A browser sends its cookie whoever's page asks. SameSite keeps others out already; this does not rely on it. */
function requireOwnPage(c: Context, deps: Deps, cookie: string): void {
  const site = c.req.header('Sec-Fetch-Site');
  if (site === 'cross-site' || site === 'same-site') throw foreign();
  const origin = c.req.header('Origin');
  requireOwnOrigin(c, deps, origin);
  if (!isUnsafe(c)) return;
  if (origin === undefined) throw foreign();
  if (!secretMatches(c.req.header('x-tacet-csrf') ?? '', hashSecret(csrfTokenOf(cookie)))) {
    throw new Failure('forbidden', 'the header x-tacet-csrf is missing or wrong', {
      hint: 'Send the csrfToken that GET /api/v1/session answers with.',
    });
  }
}

function requireOwnOrigin(c: Context, { web }: Deps, origin: string | undefined): void {
  const host = c.req.header('Host') ?? new URL(c.req.url).host;
  if (origin === undefined || origin === `https://${host}` || origin === web.publicOrigin) return;
  throw foreign();
}

function foreign(): Failure {
  return new Failure('forbidden', 'this was asked from a page of somebody else’s', {
    hint: 'Behind a reverse proxy set `publicUrl` in the configuration to the address that browsers use.',
  });
}

/** Where the configuration says so: from this machine, and not through a proxy on it. */
function mayScrapeFromHere(c: Context, { web }: Deps, address: string): boolean {
  return web.metricsFromLoopback && isLoopback(address) && c.req.header('X-Forwarded-For') === undefined;
}

function isUnsafe(c: Context): boolean {
  return !['GET', 'HEAD', 'OPTIONS'].includes(c.req.method);
}
