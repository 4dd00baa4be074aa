import { readFileSync } from 'node:fs';
import * as z from 'zod';

const exchange = z.object({
  method: z.string(),
  /** Below `/api2/json`, escaped. */
  path: z.string(),
  params: z.record(z.string(), z.union([z.string(), z.number()])).nullable(),
  status: z.number(),
  reason: z.string(),
  body: z.unknown(),
});
export type Exchange = z.output<typeof exchange>;

const fixture = (name: string): string =>
  readFileSync(new URL(`../../fixtures/${name}`, import.meta.url), 'utf8');

/** What a Proxmox VE 9.2 node answered. */
export const recorded: readonly Exchange[] = z.array(exchange).parse(JSON.parse(fixture('recorded.json')));

/** The first exchange like this. */
export function recording(method: string, path: RegExp, status = 200): Exchange {
  const found = recorded.find((one) => one.method === method && path.test(one.path) && one.status === status);
  if (found === undefined) throw new Error(`nothing recorded for ${method} ${path} ${status}`);
  return found;
}

export interface RecordedLog {
  readonly exitstatus: string | undefined;
  readonly lines: readonly string[];
}

/** The whole log of a task, with the status it ended with. */
export function taskLog(scenario: string): RecordedLog {
  const lines = fixture(`tasklogs/${scenario}.txt`).trimEnd().split('\n');
  const final = lines.find((line) => line.startsWith('# final status: '))?.slice('# final status: '.length);
  const { exitstatus } = z.object({ exitstatus: z.string().optional() }).parse(JSON.parse(final ?? '{}'));
  return { exitstatus, lines: lines.filter((line) => !line.startsWith('# ')) };
}
