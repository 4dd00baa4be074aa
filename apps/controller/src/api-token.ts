import { readFile } from 'node:fs/promises';
import { replaceFile } from '@tacet/runtime/sealing';
import { z } from 'zod';
import { hashSecret, newSecret, secretMatches } from './secrets.ts';
import type { ApiTokens } from './store/api-tokens.ts';

/** What a client on this machine needs to know; `tacet` reads it. */
const clientFileSchema = z.object({ url: z.string(), fingerprint: z.string(), token: z.string() });
type ClientFile = z.infer<typeof clientFileSchema>;

/** Its name among the API tokens. */
export const OWN_TOKEN = 'cli';

/** The token in the client file; a new one at the first start, and when that file is lost: the store has only its hash. */
export async function loadApiToken(path: string, tokens: ApiTokens, now: number): Promise<string> {
  const stored = await tokens.hashOf(OWN_TOKEN);
  const kept = await readToken(path);
  if (kept !== undefined && stored !== undefined && secretMatches(kept, stored)) return kept;
  const token = newSecret();
  await tokens.put(OWN_TOKEN, hashSecret(token), now);
  return token;
}

export async function writeClientFile(path: string, content: ClientFile): Promise<void> {
  await replaceFile(path, `${JSON.stringify(content, null, 2)}\n`);
}

async function readToken(path: string): Promise<string | undefined> {
  try {
    return clientFileSchema.parse(JSON.parse(await readFile(path, 'utf8'))).token;
  } catch {
    return undefined; // absent or damaged: either way a new one is made
  }
}
