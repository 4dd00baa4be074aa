import { mkdir, readFile, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { statusSchema } from '@tacet/protocol';
import type { Logger } from '@tacet/runtime';
import { z } from 'zod';
import type { Agent } from '../agent.ts';
import { writeAtomically } from '../journal/atomic-file.ts';

/** In memory, and gone with the guest's boot: nobody can take an old one for the present. */
const statusPath = join(process.env['RUNTIME_DIRECTORY'] ?? '/run/tacet', 'status.json');

export const publishedStatusSchema = z.object({
  pid: z.number().int().positive(),
  publishedAt: z.number(),
  status: statusSchema,
});
export type PublishedStatus = z.infer<typeof publishedStatusSchema>;

/** Keeps the file up to date, for `tacet-agent status`. Its failures are logged: the agent's work goes on. */
export function publishStatus(
  agent: Pick<Agent, 'status' | 'onStatus'>,
  log: Logger,
  path = statusPath,
): { stop(): Promise<void> } {
  let isStale = false;
  let writing = Promise.resolve();
  const write = async (): Promise<void> => {
    isStale = false;
    const text = JSON.stringify({ pid: process.pid, publishedAt: Date.now(), status: agent.status() });
    try {
      await mkdir(dirname(path), { recursive: true, mode: 0o755 });
      await writeAtomically(path, `${text}\n`);
    } catch (error) {
      log.warn('the status file could not be written', { error });
    }
  };
  const publish = (): void => {
    if (isStale) return;
    isStale = true;
    writing = writing.then(write);
  };
  publish();
  const stopListening = agent.onStatus(publish);
  return {
    async stop() {
      stopListening();
      await writing;
      await rm(path, { force: true });
    },
  };
}

/** Undefined where no agent has published one in this boot, or its process is gone. */
export async function readPublishedStatus(path = statusPath): Promise<PublishedStatus | undefined> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
  const published = publishedStatusSchema.parse(JSON.parse(text));
  return isAlive(published.pid) ? published : undefined;
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    // Somebody else's process is alive too.
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}
