import { readFileSync } from 'node:fs';
import { z } from 'zod';

/** One request to a real Proxmox VE 9.2 and its answer. */
const exchange = z.object({
  /** Its number in the recording. */
  line: z.number(),
  group: z.string(),
  note: z.string(),
  auth: z.string().nullable(),
  method: z.enum(['GET', 'POST', 'PUT', 'DELETE']),
  path: z.string(),
  params: z.record(z.string(), z.union([z.string(), z.number()])).optional(),
  headers: z.record(z.string(), z.string()).optional(),
  rawBody: z.string().optional(),
  status: z.number(),
  reason: z.string().nullable(),
  body: z.unknown(),
  textBody: z.string().optional(),
});

/** A whole task log, with the status the task ended with. */
const taskLog = z.object({
  scenario: z.string(),
  upid: z.string(),
  /** Missing where only the log was kept. */
  request: z
    .object({
      auth: z.string(),
      method: z.enum(['POST', 'DELETE']),
      path: z.string(),
      params: z.record(z.string(), z.union([z.string(), z.number()])).optional(),
    })
    .optional(),
  exitstatus: z.string(),
  log: z.array(z.string()),
});

/** The calls of a hook script in one scenario, and how the guest stood at each. */
const hookCalls = z.object({
  scenario: z.string(),
  calls: z.array(
    z.object({
      argv: z.array(z.string()),
      env: z.record(z.string(), z.string()),
      cwd: z.string(),
      state: z.string(),
      frozen: z.number().nullable(),
      lock: z.string(),
      snapshots: z.string(),
    }),
  ),
});

export type Exchange = z.infer<typeof exchange>;
export type TaskLog = z.infer<typeof taskLog>;
export type HookCalls = z.infer<typeof hookCalls>;

function read<T>(name: string, schema: z.ZodType<T>): T[] {
  const text = readFileSync(new URL(`../../fixtures/${name}.jsonl`, import.meta.url), 'utf8');
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => schema.parse(JSON.parse(line)));
}

export const exchanges = (): Exchange[] => read('exchanges', exchange);
export const taskLogs = (): TaskLog[] => read('task-logs', taskLog);
export const recordedHookCalls = (): HookCalls[] => read('hook-calls', hookCalls);
