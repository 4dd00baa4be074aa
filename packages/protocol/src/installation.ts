import { z } from 'zod';
import { epochMsSchema, vmidSchema } from './primitives.ts';

// How a controller is set up, for people to look at. No secret is part of any of it.

/** `USER@REALM!TOKENID`: its name, never its secret. */
const tokenIdSchema = z.string();

export const nodeViewSchema = z.object({
  name: z.string(),
  url: z.string(),
  simulated: z.boolean(),
  /** How its certificate is known. */
  trust: z.enum(['ca', 'fingerprint']),
  /** Where backups go, and where restored disks do; null: what the guest's own disks are on. */
  storage: z.string(),
  restoreStorage: z.string().nullable(),
  /** Whether it answered when this was asked; `why` where it did not. */
  reachable: z.discriminatedUnion('answered', [
    z.object({ answered: z.literal(true), at: epochMsSchema, tookMs: z.number().nonnegative() }),
    z.object({ answered: z.literal(false), at: epochMsSchema, why: z.string() }),
  ]),
  tokens: z.object({
    /** For guests that have none of their own. */
    shared: tokenIdSchema.nullable(),
    /** Operator tier; without it nothing can be restored. */
    restore: tokenIdSchema.nullable(),
    guests: z.array(z.object({ vmid: vmidSchema, token: tokenIdSchema })),
  }),
});
export type NodeView = z.infer<typeof nodeViewSchema>;
export const nodeListSchema = z.object({ nodes: z.array(nodeViewSchema) });

export const settingSchema = z.object({
  /** As the configuration file names it: `hook.socket`. */
  name: z.string(),
  value: z.union([z.string(), z.number(), z.boolean(), z.array(z.string())]).nullable(),
  /** Whether it is what applies when nothing is said. */
  isDefault: z.boolean(),
});
export type Setting = z.infer<typeof settingSchema>;
export const settingListSchema = z.object({ settings: z.array(settingSchema) });
