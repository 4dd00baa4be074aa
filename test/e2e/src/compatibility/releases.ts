import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { manifestSchema, protocolVersion } from '@tacet/protocol';
import { z } from 'zod';

export const fixtures = join(import.meta.dirname, 'fixtures');
const releases = join(fixtures, 'releases');
export const sumsFile = 'SHA256SUMS';

export const releaseFolder = (version: string): string => join(releases, version);

/** Every version that fixtures were recorded of, as `0.1.0`. */
export async function recordedReleases(): Promise<string[]> {
  return (await readdir(releases)).toSorted();
}

/** The version in the repository's package.json. */
export async function currentRelease(): Promise<string> {
  const text = await readFile(join(import.meta.dirname, '../../../../package.json'), 'utf8');
  return z.object({ version: z.string() }).parse(JSON.parse(text)).version;
}

/**
 * The names of what two versions may find of each other. A change of one of them is a change of what is recorded.
 * `store` is the newest migration.
 */
export const formatsSchema = z.object({ protocol: z.string(), manifest: z.number(), store: z.string() });
export type Formats = z.infer<typeof formatsSchema>;

export async function currentFormats(): Promise<Formats> {
  const migrations = join(import.meta.dirname, '../../../../apps/controller/src/store/migrations');
  const newest = (await readdir(migrations)).toSorted().at(-1) ?? '';
  return {
    protocol: protocolVersion,
    manifest: manifestSchema.shape.version.value,
    store: newest.replace('.ts', ''),
  };
}

/** As `sha256sum` writes them, of every file below a folder but the sums themselves. */
export async function checksums(folder: string): Promise<string> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries
    .filter((entry) => entry.isFile() && entry.name !== sumsFile)
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1))
    .toSorted();
  const lines = files.map(async (file) => {
    const sum = createHash('sha256').update(await readFile(join(folder, file)));
    return `${sum.digest('hex')}  ${file}\n`;
  });
  return (await Promise.all(lines)).join('');
}

/** Versions that are out, with the checksum of their checksums: nothing of them may change any more. */
export async function released(): Promise<Record<string, string>> {
  const text = await readFile(join(fixtures, 'released.json'), 'utf8');
  return z.record(z.string(), z.string()).parse(JSON.parse(text));
}
