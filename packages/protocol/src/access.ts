import { z } from 'zod';
import { errorCodeSchema } from './error-codes.ts';
import { epochMsSchema } from './primitives.ts';

/** Each may do what those before it may: look; back up, restore and drill; decide who may. */
export const roleSchema = z.enum(['viewer', 'operator', 'admin']);
export type Role = z.infer<typeof roleSchema>;

/** Of an account or an API token. */
export const accessNameSchema = z
  .string()
  .max(64)
  .regex(/^[a-z0-9][a-z0-9._@-]*$/, 'small letters, digits, dots, dashes, underscores and @');

/** A new one. Length is what counts, so nothing else is asked of it. */
export const passwordSchema = z
  .string()
  .min(12, 'at least 12 characters: a few words will do')
  .max(256, 'at most 256 characters');

/** As it is typed: what is wrong with it is nobody's business. */
const typedSchema = z.string().min(1).max(256);

/** Whether the first account is still to be made. */
export const setupStateSchema = z.object({
  open: z.boolean(),
  /** What the OpenID provider is called with which people may sign in; left out where there is none. */
  provider: z.string().optional(),
});

/** Why nobody is signed in who came back from the provider: `/?sign-in=…`, where the dashboard has words for it. */
export const signInProblemSchema = z.enum([
  'provider-unreachable',
  'provider-refused',
  'not-begun-here',
  'too-late',
  'not-proven',
  'no-role',
  'too-many',
]);
export type SignInProblem = z.infer<typeof signInProblemSchema>;

export const setupSchema = z.strictObject({
  /** Of the link that the controller printed. */
  token: typedSchema,
  name: accessNameSchema,
  password: passwordSchema,
});

export const credentialsSchema = z.strictObject({ name: typedSchema, password: typedSchema });

/** Who a browser is signed in as. */
export const loginSchema = z.object({
  account: z.object({ name: accessNameSchema, role: roleSchema }),
  /** To be sent as `x-tacet-csrf` with every request that changes something. */
  csrfToken: z.string(),
});
export type LoginInfo = z.infer<typeof loginSchema>;

export const passwordChangeSchema = z.strictObject({ current: typedSchema, next: passwordSchema });

export const accountSchema = z.object({
  name: accessNameSchema,
  role: roleSchema,
  createdAt: epochMsSchema,
  lastLoginAt: epochMsSchema.nullable(),
  /** The OpenID provider that vouches for it; left out for one with a password. */
  issuer: z.string().optional(),
});
export type Account = z.infer<typeof accountSchema>;
export const accountListSchema = z.object({ accounts: z.array(accountSchema) });

export const newAccountSchema = z.strictObject({
  name: accessNameSchema,
  role: roleSchema,
  password: passwordSchema,
});

/** A new password ends every login of the account. */
export const accountChangeSchema = z
  .strictObject({ role: roleSchema.optional(), password: passwordSchema.optional() })
  .refine(({ role, password }) => role !== undefined || password !== undefined, 'name a role or a password');

export const apiTokenSchema = z.object({
  name: accessNameSchema,
  /** What it may do: its scope. */
  role: roleSchema,
  createdAt: epochMsSchema,
  /** Null where it is good until it is removed. */
  expiresAt: epochMsSchema.nullable(),
  lastUsedAt: epochMsSchema.nullable(),
});
export type ApiToken = z.infer<typeof apiTokenSchema>;
export const apiTokenListSchema = z.object({ tokens: z.array(apiTokenSchema) });

export const newApiTokenSchema = z.strictObject({
  name: accessNameSchema,
  role: roleSchema,
  /** Null where it shall be good until it is removed. */
  expiresAt: epochMsSchema.nullable(),
});

/** The only time that the secret is shown: the controller keeps a hash of it. */
export const madeApiTokenSchema = apiTokenSchema.extend({ secret: z.string() });

export const auditEntrySchema = z.object({
  sequence: z.number().int().positive(),
  at: epochMsSchema,
  /** Null where nobody was recognised. */
  who: z.object({ kind: z.enum(['account', 'token']), name: z.string() }).nullable(),
  /** The address it came from. */
  address: z.string(),
  /** In words: what the API's description calls it. */
  what: z.string(),
  method: z.string(),
  path: z.string(),
  /** `refused` was asked wrongly or by somebody who may not; `failed` is the controller's or a node's. */
  outcome: z.enum(['done', 'refused', 'failed']),
  status: z.number().int(),
  code: errorCodeSchema.nullable(),
});
export type AuditEntry = z.infer<typeof auditEntrySchema>;

/** Newest first. `next` is the `cursor` of what comes after; null at the end. */
export const auditListSchema = z.object({ entries: z.array(auditEntrySchema), next: z.string().nullable() });
