import { vmidSchema } from '@tacet/protocol';
import { InvalidArgumentError, Option } from 'commander';
import { z } from 'zod';
import { usage } from './cli-error.ts';

/** Reads an option or an argument, so that what the controller would refuse never leaves this machine. */
export function by<Schema extends z.ZodType>(
  schema: Schema,
  message?: string,
): (text: string) => z.output<Schema> {
  return (text) => {
    const parsed = schema.safeParse(text);
    if (parsed.success) return parsed.data;
    throw new InvalidArgumentError(
      message ?? sentence(parsed.error.issues[0]?.message ?? 'That is not valid'),
    );
  };
}

/** An option with few values, which completions know too. */
export function oneOf(flags: string, description: string, values: readonly string[]): Option {
  return new Option(flags, description).choices(values);
}

export function wholeNumber(min: number, max: number): (text: string) => number {
  const schema = z.string().regex(/^\d+$/).transform(Number).pipe(z.int().min(min).max(max));
  return by(schema, `It is a whole number from ${min} to ${max}.`);
}

export function parseVmid(text: string): number {
  const parsed = vmidSchema.safeParse(/^\d+$/.test(text) ? Number(text) : undefined);
  if (parsed.success) return parsed.data;
  throw new InvalidArgumentError('A VMID is a whole number from 100.');
}

export function parseVmids(text: string, before: readonly number[]): number[] {
  return [...before, parseVmid(text)];
}

const unitsMs: Readonly<Record<string, number>> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** `90d`, `2h`, `30m`, `45s`: milliseconds. Undefined for anything else. */
export function spanMs(text: string): number | undefined {
  const [, count, unit = ''] = /^(\d{1,6})([smhd])$/.exec(text) ?? [];
  const unitMs = unitsMs[unit];
  return unitMs === undefined ? undefined : Number(count) * unitMs;
}

/** `2026-11-22`, or `2026-11-22T12:00` and more; of the reader's own time zone unless it says another. */
export function dateMs(text: string): number | undefined {
  if (!/^\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d)?)?$/.test(text)) return undefined;
  const at = new Date(text.length === 10 ? `${text}T00:00` : text.replace(' ', 'T')).getTime();
  return Number.isNaN(at) ? undefined : at;
}

/** What will be sent. @throws CliError `invalid-input` that names each field that is wrong */
export function requireValid<Schema extends z.ZodType>(
  schema: Schema,
  body: unknown,
  what: string,
): z.output<Schema> {
  const parsed = schema.safeParse(body);
  if (parsed.success) return parsed.data;
  const said = parsed.error.issues.map(({ path, message }) =>
    [path.join('.'), message].filter(Boolean).join(': '),
  );
  throw usage(`${what} is not valid: ${said.join('; ')}`);
}

function sentence(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}${text.endsWith('.') ? '' : '.'}`;
}
