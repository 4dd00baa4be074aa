import { readFile } from 'node:fs/promises';
import { z } from 'zod';

/** Of this program, as its package says: `0.1.0`. */
export async function ownVersion(): Promise<string> {
  const text = await readFile(new URL('../package.json', import.meta.url), 'utf8');
  return z.object({ version: z.string() }).parse(JSON.parse(text)).version;
}
