import type { Context } from 'hono';
import { deleteCookie, getCookie, setCookie } from 'hono/cookie';

/** With the prefix `__Host-`: a browser takes it only over TLS, from this very host, for all of its paths. */
export const cookieName = 'tacet-session';

const options = { prefix: 'host', secure: true, httpOnly: true, sameSite: 'Strict', path: '/' } as const;

export function setLoginCookie(c: Context, secret: string, maxAgeMs: number): void {
  setCookie(c, cookieName, secret, { ...options, maxAge: Math.floor(maxAgeMs / 1000) });
}

export function clearLoginCookie(c: Context): void {
  deleteCookie(c, cookieName, options);
}

export function loginCookie(c: Context): string | undefined {
  return getCookie(c, cookieName, 'host');
}
