import { createRoute, type OpenAPIHono } from '@hono/zod-openapi';
import type { AuditEntry } from '@tacet/protocol';
import type { Context } from 'hono';
import { deleteCookie, getCookie, setCookie } from 'hono/cookie';
import { FLOW_MS, oidcCallbackPath } from '../../access/oidc-door.ts';
import { SignInRefused } from '../../access/sign-in-refused.ts';
import { Failure } from '../../failure.ts';
import type { ApiDeps } from '../deps.ts';
import { problems } from '../describe.ts';
import { setLoginCookie } from '../login-cookie.ts';
import { openToAll } from '../security.ts';

const flowCookie = 'tacet-oidc';
// Lax: the provider's page sends the browser back here, and then it must have it.
const cookieOptions = { prefix: 'host', secure: true, httpOnly: true, sameSite: 'Lax', path: '/' } as const;

const begin = createRoute({
  method: 'get',
  path: '/api/v1/session/oidc',
  summary: 'For browsers: go to the OpenID provider to sign in',
  // Whoever signs in is nobody yet; it tells no more than where the provider is.
  security: openToAll,
  responses: {
    303: { description: 'To the provider, or back to the dashboard, which says why not' },
    ...problems,
  },
});

const finish = createRoute({
  method: 'get',
  path: oidcCallbackPath,
  summary: 'Sign in with the OpenID provider',
  // The proof is the provider's code, with what this browser has kept since it began.
  security: openToAll,
  responses: { 303: { description: 'To the dashboard, signed in, or told why not' }, ...problems },
});

/** A way in through a provider. Browsers come here by themselves, so that every answer is a page to go to. */
export function oidcRoutes(app: OpenAPIHono, deps: ApiDeps): void {
  const { oidc, web, log } = deps;

  app.openapi(begin, async (c) => {
    const door = requireDoor(oidc);
    try {
      const { url, kept } = await door.begin();
      setCookie(c, flowCookie, kept, { ...cookieOptions, maxAge: FLOW_MS / 1000 });
      return c.redirect(url.href, 303);
    } catch (error) {
      return c.redirect(backWith(refusalOf(error)), 303);
    }
  });

  app.openapi(finish, async (c) => {
    const door = requireDoor(oidc);
    const kept = getCookie(c, flowCookie, 'host');
    deleteCookie(c, flowCookie, cookieOptions);
    try {
      const { secret, info } = await door.finish(new URL(c.req.url).search, kept, c.var.address);
      setLoginCookie(c, secret, web.loginMaxMs);
      const { name, role } = info.account;
      await note(c, deps, {
        who: { kind: 'account', name },
        outcome: 'done',
        code: null,
        what: `${name}, ${role}`,
      });
      return c.redirect('/', 303);
    } catch (error) {
      const refused = refusalOf(error);
      const { code, message: what, problem } = refused;
      const outcome = problem === 'provider-unreachable' ? 'failed' : 'refused';
      // Locked out: the refusals that led there are written down already.
      if (problem !== 'too-many') await note(c, deps, { who: null, outcome, code, what });
      return c.redirect(backWith(refused), 303);
    }
  });

  /** To the page to sign in, which has words for it. */
  function backWith({ problem, message: reason }: SignInRefused): string {
    log.warn('nobody was signed in by the OpenID provider', { problem, reason });
    return `/?sign-in=${problem}`;
  }
}

/** @throws what is none */
function refusalOf(error: unknown): SignInRefused {
  if (error instanceof SignInRefused) return error;
  throw error;
}

function requireDoor(oidc: ApiDeps['oidc']): NonNullable<ApiDeps['oidc']> {
  if (oidc !== undefined) return oidc;
  throw new Failure('not-found', 'this controller has no OpenID provider', {
    hint: 'Set `oidc` in its configuration: docs/guides/access.md.',
  });
}

/** The audit trail leaves out every GET, because it changes nothing; this one logs somebody in, or refuses to. */
async function note(
  c: Context,
  { store, clock, log }: ApiDeps,
  { what, ...entry }: Pick<AuditEntry, 'who' | 'outcome' | 'code' | 'what'>,
): Promise<void> {
  const { method, path } = c.req;
  const { address } = c.var;
  try {
    const words = `Sign in with the OpenID provider: ${what}`;
    await store.audit.append({ ...entry, at: clock.now(), address, what: words, method, path, status: 303 });
  } catch (error) {
    log.error('the audit log could not be written', { path, error });
  }
}
