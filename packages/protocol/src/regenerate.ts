import { z } from 'zod';

/**
 * What a copy of a guest must not share with its original. `machine-id`: /etc/machine-id. `ssh-host-keys`: those of
 * the guest's own sshd. `engine-id`: the id of its Docker engine, which reads it at its next start.
 */
export const regenerableSchema = z.enum(['machine-id', 'ssh-host-keys', 'engine-id']);
export type Regenerable = z.infer<typeof regenerableSchema>;

export const regenerablesSchema = z
  .array(regenerableSchema)
  .max(regenerableSchema.options.length)
  .refine((things) => new Set(things).size === things.length, 'each once');

/** Of a copy that is adopted: whoever adopts it says that its original and it are two. */
export const regeneratedOnAdoption: readonly Regenerable[] = ['machine-id', 'ssh-host-keys'];
