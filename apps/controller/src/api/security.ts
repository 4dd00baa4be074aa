import type { RouteConfig } from '@hono/zod-openapi';
import { type Role, roleSchema } from '@tacet/protocol';

type Security = NonNullable<RouteConfig['security']>;

/** The schemes under which the OpenAPI description names the two ways in. */
export const securitySchemes = {
  bearer: {
    type: 'http',
    scheme: 'bearer',
    description: 'An API token; its role is its scope.',
  },
  login: {
    type: 'apiKey',
    in: 'cookie',
    name: '__Host-tacet-session',
    description:
      'A browser that is signed in: `POST /api/v1/session`. What changes something also needs the header ' +
      '`x-tacet-csrf` with the token that the login was answered with, and an `Origin` that is the controller’s.',
  },
} as const;

/** For `createRoute`: who asks must be at least this. The role stands in the description, where clients find it too. */
export function needs(role: Role): Security {
  return [{ bearer: [role] }, { login: [role] }];
}

/** For a route that anybody may ask, because it tells nothing or brings its own proof. */
export const openToAll: Security = [];

/** Undefined where a route does not say: nobody may ask it. */
export function neededRole({ security }: Pick<RouteConfig, 'security'>): Role | 'nobody' | undefined {
  if (security === undefined) return undefined;
  if (security.length === 0) return 'nobody';
  const roles = security.flatMap((way) => Object.values(way).flat());
  const [role] = roleSchema.options.filter((known) => roles.includes(known));
  return new Set(roles).size === 1 ? role : undefined;
}
