import { type Role, roleSchema } from '@tacet/protocol';
import { z } from 'zod';

const groupsSchema = z.array(z.string().min(1)).default([]);

/** People who sign in with an OpenID provider. */
export const oidcConfigSchema = z.strictObject({
  /** As the provider says it itself: what comes before `/.well-known/openid-configuration`. */
  issuer: z.url({ protocol: /^https$/ }),
  clientId: z.string().min(1),
  /** Sealed at its first use. Without it the provider knows this controller by PKCE alone. */
  clientSecretFile: z.string().startsWith('/').optional(),
  /** The file of a CA, in PEM, that the provider's certificate is checked against; the system's when left out. */
  ca: z.string().startsWith('/').optional(),
  /** What the button says. */
  name: z.string().min(1).max(60).default('OpenID Connect'),
  scopes: z
    .array(z.string().regex(/^[\x21\x23-\x5b\x5d-\x7e]+$/))
    .default(['profile', 'email'])
    .transform((scopes) => ['openid', ...scopes.filter((scope) => scope !== 'openid')]),
  /** What the account is called here, at the first time. */
  nameClaim: z.string().min(1).default('preferred_username'),
  /** What `roles` is about; dots lead into it, as `realm_access.roles`. */
  groupsClaim: z.string().min(1).default('groups'),
  /** Who has none of these does not get in. */
  roles: z
    .strictObject({ viewer: groupsSchema, operator: groupsSchema, admin: groupsSchema })
    .refine(
      (roles) => Object.values(roles).some((groups) => groups.length > 0),
      'name a group for some role',
    ),
});
export type OidcConfig = z.infer<typeof oidcConfigSchema>;

type Claims = Readonly<Record<string, unknown>>;

/** The most that any of the groups may do; undefined for nobody's. */
export function roleOf(claims: Claims, { groupsClaim, roles }: OidcConfig): Role | undefined {
  const groups = textsIn(claimAt(claims, groupsClaim));
  return roleSchema.options.findLast((role) => roles[role].some((group) => groups.includes(group)));
}

/** Whether the claims say anything of groups at all. */
export function hasGroups(claims: Claims, { groupsClaim }: OidcConfig): boolean {
  return claimAt(claims, groupsClaim) !== undefined;
}

/** A name as accounts have them. */
export function accountNameOf(claims: Claims, { nameClaim }: OidcConfig): string {
  const said = [claimAt(claims, nameClaim), claims['preferred_username'], claims['email'], claims['sub']];
  const name = (said.find((one): one is string => typeof one === 'string' && one !== '') ?? '')
    .toLowerCase()
    .replaceAll(/[^a-z0-9._@-]+/g, '-')
    .replace(/^[^a-z0-9]+/, '')
    .slice(0, 56);
  return name === '' ? 'account' : name;
}

function claimAt(claims: Claims, path: string): unknown {
  // A claim's own name may have dots in it.
  if (path in claims) return claims[path];
  let found: unknown = claims;
  for (const part of path.split('.')) {
    const parsed = z.record(z.string(), z.unknown()).safeParse(found);
    found = parsed.data?.[part];
  }
  return found;
}

function textsIn(claim: unknown): string[] {
  return (Array.isArray(claim) ? claim : [claim]).filter((one): one is string => typeof one === 'string');
}
