import { createHash } from 'node:crypto';
import type { MiddlewareHandler } from 'hono';

/** JSON that is asked for again and again is sent again only when it has changed: ETag, If-None-Match, 304. */
export function conditionalGet(): MiddlewareHandler {
  return async (c, next) => {
    await next();
    const isJson = c.res.headers.get('Content-Type')?.startsWith('application/json') === true;
    if (c.req.method !== 'GET' || c.res.status !== 200 || !isJson) return;
    if (c.res.headers.has('Cache-Control')) return; // it has said already that it is not to be kept
    const body = await c.res.arrayBuffer();
    const tag = `"${createHash('sha256').update(new Uint8Array(body)).digest('base64url').slice(0, 27)}"`;
    const isKnown = matches(c.req.header('If-None-Match'), tag);
    c.res = new Response(isKnown ? null : body, { status: isKnown ? 304 : 200, headers: c.res.headers });
    c.header('ETag', tag);
    c.header('Cache-Control', 'private, no-cache');
  };
}

/** Weak or not: what was sent is compared as a whole. */
export function matches(ifNoneMatch: string | undefined, tag: string): boolean {
  const known = (ifNoneMatch ?? '').split(',').map((one) => one.trim().replace(/^W\//, ''));
  return known.includes(tag) || known.includes('*');
}
