import { mkdir, readFile, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { TacetError } from '@tacet/runtime';
import { z } from 'zod';
import { syncDirectory, writeAtomically } from '../journal/atomic-file.ts';

export interface NewContent {
  readonly path: string;
  readonly content: string;
}

const asideSchema = z.array(
  z.object({
    path: z.string(),
    content: z.string(),
    mode: z.number().int(),
    uid: z.number().int(),
    gid: z.number().int(),
  }),
);
type Kept = z.infer<typeof asideSchema>[number];

/**
 * Replaces files that are there, all of them or none, with their owners and modes. What they were is kept in
 * `folder`, readable by root only, until all new ones are on the disk.
 */
export async function replaceAll(files: readonly NewContent[], folder: string): Promise<void> {
  const kept: Kept[] = [];
  for (const { path } of files) {
    const { mode, uid, gid } = await stat(path);
    kept.push({ path, content: await readFile(path, 'utf8'), mode: mode & 0o7777, uid, gid });
  }
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const aside = asideIn(folder);
  await writeAtomically(aside, JSON.stringify(kept));
  try {
    for (const [index, { content }] of files.entries()) {
      const like = kept[index];
      if (like !== undefined) await place({ ...like, content });
    }
  } catch (error) {
    await undoBegun(folder);
    throw error;
  }
  await forget(aside);
}

/** Puts back what a replacement that came to no end had kept; nothing where there was none. */
export async function undoBegun(folder: string): Promise<void> {
  const aside = asideIn(folder);
  let text: string;
  try {
    text = await readFile(aside, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return;
    throw error;
  }
  const parsed = asideSchema.safeParse(JSON.parse(text));
  if (!parsed.success) {
    throw new TacetError(`${aside} cannot be read`, {
      code: 'internal',
      cause: parsed.error,
      hint: 'It holds files as they were before they were to be replaced.',
    });
  }
  for (const file of parsed.data) await place(file);
  await forget(aside);
}

function asideIn(folder: string): string {
  return join(folder, 'aside.json');
}

async function forget(aside: string): Promise<void> {
  await rm(aside);
  await syncDirectory(dirname(aside));
}

async function place({ path, content, mode, uid, gid }: Kept): Promise<void> {
  await writeAtomically(path, content, { mode, owner: { uid, gid } });
}
