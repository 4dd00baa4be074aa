import { readFile } from 'node:fs/promises';
import { describeError } from '@tacet/runtime';
import { usage } from './cli-error.ts';

/**
 * What somebody has written down. @param what as in "a schedule"
 * @throws CliError `invalid-input`
 */
export async function readJsonObject(file: string, what: string, hint: string): Promise<object> {
  let value: unknown;
  try {
    value = JSON.parse(await readFile(file, 'utf8'));
  } catch (error) {
    throw usage(`cannot read ${what} from ${file}: ${reasonOf(error)}`, hint);
  }
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value;
  throw usage(`${file} does not hold ${what}`, hint);
}

/** What is no JSON is not quoted: it may have a password in it. */
function reasonOf(error: unknown): string {
  if (!(error instanceof SyntaxError)) return describeError(error);
  const where = /\(line \d+ column \d+\)/.exec(error.message)?.[0] ?? '';
  return `it is no JSON ${where}`.trimEnd();
}
