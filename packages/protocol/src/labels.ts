import { z } from 'zod';
import { methodNameSchema, stackPolicySchema } from './primitives.ts';

/** Every label of Tacet begins with it. */
export const labelPrefix = 'tacet.';

const durationLabelSchema = z
  .string()
  .regex(/^\d{1,6}(ms|s)$/, 'a duration such as 500ms or 30s')
  .transform((text) => (text.endsWith('ms') ? Number(text.slice(0, -2)) : Number(text.slice(0, -1)) * 1000));

const port = '(?:6553[0-5]|655[0-2]\\d|65[0-4]\\d{2}|6[0-4]\\d{3}|[1-5]\\d{4}|[1-9]\\d{0,3})';
const portPattern = new RegExp(`^${port}$`);
const httpPattern = new RegExp(`^(?:https:)?${port}/\\S{0,1024}$`);

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
  'tacet.heal': z
    .enum(['auto', 'none'])
    .optional()
    .describe('none: this service is left as it is after a restore or a start of the guest. Default: auto.'),
  'tacet.post-restore.exec': commandSchema
    .optional()
    .describe(
      'Runs in a restored copy once this service runs, and is healthy where it says so; again where it fails. ' +
        'Must do no harm when there is nothing to do.',
    ),
  'tacet.post-restore.timeout': durationLabelSchema
    .optional()
    .describe('What the post-restore command may take before it is killed. Default: 60s.'),
  'tacet.ready.tcp': z
    .string()
    .regex(portPattern, 'a port such as 5432')
    .transform(Number)
    .optional()
    .describe('Ready only while this port of the container takes connections.'),
  'tacet.ready.http': z
    .string()
    .regex(httpPattern, 'a port and a path, such as 8080/health or https:8443/')
    .optional()
    .describe(
      'Ready only while a GET of this port and path of the container is answered with 2xx or 3xx: 8080/health, or ' +
        'https:8443/health, of which the certificate is not looked at.',
    ),
  'tacet.ready.exec': commandSchema
    .optional()
    .describe('Ready only while this command ends with 0. Runs in the container by its sh -c.'),
  'tacet.ready.timeout': durationLabelSchema
    .optional()
    .describe('What each of the probes may take. Default: 5s.'),
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
