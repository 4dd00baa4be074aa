import { readFile } from 'node:fs/promises';
import { restartPolicySchema } from '@tacet/protocol';
import { LOG_LEVELS, TacetError } from '@tacet/runtime';
import { z } from 'zod';

const durationSchema = (minMs: number, maxMs: number) => z.number().int().min(minMs).max(maxMs);

export const agentConfigSchema = z.strictObject({
  /** No hold lasts longer than this, whatever the controller asks for. */
  leaseCeilingMs: durationSchema(1_000, 3_600_000).default(300_000),
  /** The engine's unix socket. */
  engineSocket: z.string().startsWith('/').default('/run/docker.sock'),
  /** Journal and identity. On the guest's root disk, so that a backup carries it. */
  stateDir: z.string().startsWith('/').default('/var/lib/tacet'),
  /** What heal gives to containers that ran without a restart policy; `no` leaves them without. */
  missingRestartPolicy: restartPolicySchema.default('unless-stopped'),
  /** For how long heal waits to hear from the controller who this copy is. */
  healGraceMs: durationSchema(0, 600_000).default(15_000),
  logLevel: z.enum(LOG_LEVELS).default('info'),
});
export type AgentConfig = z.infer<typeof agentConfigSchema>;

export const defaultConfigPath = '/etc/tacet/agent.json';

/**
 * The agent works without a configuration: a missing file means the defaults.
 *
 * @throws TacetError `invalid-input` that names the key, for a file that is there but not right.
 */
export async function readConfig(path = defaultConfigPath): Promise<AgentConfig> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return parseConfig({}, path);
    throw new TacetError(`${path} cannot be read`, { code: 'invalid-input', cause: error });
  }
  try {
    return parseConfig(JSON.parse(text), path);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw new TacetError(`${path} is not JSON`, { code: 'invalid-input', cause: error });
  }
}

export function parseConfig(value: unknown, path = 'the configuration'): AgentConfig {
  const parsed = agentConfigSchema.safeParse(value);
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues.map(
    ({ path: at, message }) => `${at.length > 0 ? `${at.join('.')}: ` : ''}${message}`,
  );
  throw new TacetError(`${path}: ${problems.join('; ')}`, {
    code: 'invalid-input',
    hint: `Known keys: ${Object.keys(agentConfigSchema.shape).join(', ')}.`,
  });
}
