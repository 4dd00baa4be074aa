import type { MiddlewareHandler } from 'hono';
import { Failure } from '../failure.ts';
import { secretMatches } from '../secrets.ts';

/** @param open paths that bring their own proof, or need none. */
export function bearerAuth(tokenHash: string, open: ReadonlySet<string>): MiddlewareHandler {
  return async (c, next) => {
    if (!open.has(c.req.path)) {
      const [scheme, token = ''] = (c.req.header('Authorization') ?? '').split(' ');
      if (scheme?.toLowerCase() !== 'bearer' || !secretMatches(token, tokenHash)) {
        throw new Failure('unauthorized', 'a valid API token is needed', {
          hint: 'Send `Authorization: Bearer TOKEN`; the token is in cli.json in the state directory.',
        });
      }
    }
    await next();
  };
}
