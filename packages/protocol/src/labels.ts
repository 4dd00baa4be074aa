import { z } from 'zod';
import { methodNameSchema, stackPolicySchema } from './primitives.ts';

/** Every label of Tacet begins with it. */
export const labelPrefix = 'tacet.';

const durationLabelSchema = z
  .string()
  .regex(/^\d{1,6}(ms|s)$/, 'a duration such as 500ms or 30s')
  .transform((text) => (text.endsWith('ms') ? Number(text.slice(0, -2)) : Number(text.slice(0, -1)) * 1000));

const commandSchema = z.string().min(1, 'a command').max(4096);

/**
 * What an operator may say about a service in its compose file. All of it is optional. The commands run in the
 * service's own container, by its `sh -c`, as the user that the container runs as.
 */
export const labelsSchema = z.strictObject({
  'tacet.method': methodNameSchema
    .optional()
    .describe('How this service is quiesced, instead of what Tacet would choose by itself.'),
  'tacet.policy': stackPolicySchema
    .optional()
    .describe(
      'How the whole stack of this service stands still; said by any one of its services. Default: sweep.',
    ),
  'tacet.redis.dump': z
    .enum(['auto', 'strict', 'fast'])
    .optional()
    .describe(
      'For a Redis without an append-only file. strict: its writes wait for a whole dump, and nothing is missing. ' +
        'fast: it is dumped before, and the copy is as old as that dump. Default: auto, strict where the dump fits the budget.',
    ),
  'tacet.redis.budget': durationLabelSchema
    .optional()
    .describe('For how long a dump may keep writes waiting before auto means fast. Default: 500ms.'),
  'tacet.exec.prepare': commandSchema
    .optional()
    .describe('Method exec: runs while writes go on, before the hold.'),
  'tacet.exec.hold': commandSchema
    .optional()
    .describe('Method exec: runs in the hold; writes must stand still when it ends.'),
  'tacet.exec.thaw': commandSchema
    .optional()
    .describe(
      'Method exec: undoes the hold. Runs whenever the hold command was started, however that ended, and again in a restored copy.',
    ),
  'tacet.exec.timeout': durationLabelSchema
    .optional()
    .describe(
      'Method exec: what a command may take before it is killed with all its children. Default: 10s.',
    ),
});
export type ServiceLabels = z.infer<typeof labelsSchema>;

/** Labels of Tacet among a container's, as far as they are right, and what is wrong with the others. */
export function readLabels(labels: Readonly<Record<string, string>>): {
  labels: ServiceLabels;
  problems: string[];
} {
  const own = Object.entries(labels).filter(([name]) => name.startsWith(labelPrefix));
  const read: Record<string, unknown> = {};
  const problems: string[] = [];
  for (const [name, value] of own) {
    const result = labelsSchema.safeParse({ [name]: value });
    if (result.success) Object.assign(read, result.data);
    else if (name in labelsSchema.shape) {
      problems.push(
        `label ${name}=${value}: ${result.error.issues.map(({ message }) => message).join('; ')}`,
      );
    } else problems.push(`label ${name} is not known`);
  }
  return { labels: read, problems };
}
