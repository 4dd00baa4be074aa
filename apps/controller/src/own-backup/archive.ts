import { execFile, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { open, rm } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import { promisify } from 'node:util';
import { TacetError } from '@tacet/runtime';
import type { Owner } from '@tacet/runtime/sealing';
import { z } from 'zod';

const run = promisify(execFile);

/** The first member of a backup; the others are the files that it lists, by their names. */
const TABLE = 'backup.json';
const FORMAT = 1;
const TABLE_MAX_BYTES = 1024 * 1024;

const keptFileSchema = z.object({
  /** In the archive. */
  name: z.string().regex(/^[a-z0-9][a-z0-9.-]*$/),
  /** Where it belongs. */
  path: z.string().startsWith('/'),
  /** `if-missing`: it belongs to others as well, and one that is there stays. */
  restore: z.enum(['always', 'if-missing']),
  bytes: z.number().int().nonnegative(),
  sha256: z.string(),
});
export type KeptFile = z.infer<typeof keptFileSchema>;

/** What a backup of a controller says of itself. */
const tableSchema = z.object({
  format: z.literal(FORMAT),
  /** Of the Tacet that made it. */
  version: z.string(),
  madeAt: z.iso.datetime(),
  stateDir: z.string().startsWith('/'),
  keyFile: z.string().startsWith('/'),
  /** The migrations that its store has. */
  store: z.array(z.string()),
  files: z.array(keptFileSchema),
});
export type BackupTable = z.infer<typeof tableSchema>;

export const newTable = (table: Omit<BackupTable, 'format'>): BackupTable => ({ format: FORMAT, ...table });

/** Packs a directory that has the table's files by their names; `archive` must not exist. */
export async function pack(archive: string, directory: string, table: BackupTable): Promise<void> {
  await using text = await open(`${directory}/${TABLE}`, 'wx', 0o600);
  await text.writeFile(`${JSON.stringify(table, null, 2)}\n`);
  const names = [TABLE, ...table.files.map(({ name }) => name)];
  await using made = await open(archive, 'wx', 0o600);
  const tar = spawn('tar', ['-czf', '-', '-C', directory, ...names], {
    stdio: ['ignore', made.fd, 'pipe'],
  });
  await ended(tar, `cannot write ${archive}`);
  await made.sync();
}

/** @throws TacetError for what is no backup, is damaged, or was made by a newer Tacet */
export async function readTable(archive: string): Promise<BackupTable> {
  let json: unknown;
  try {
    const { stdout } = await run('tar', ['-xzOf', archive, TABLE], { maxBuffer: TABLE_MAX_BYTES });
    json = JSON.parse(stdout);
  } catch (cause) {
    throw new TacetError(`${archive} is not a whole backup of a controller`, {
      code: 'invalid-input',
      hint: 'Take another one: `tacet-controller backup-store` makes them.',
      cause,
    });
  }
  const { format, version } = z.object({ format: z.number(), version: z.string() }).parse(json);
  if (format !== FORMAT) {
    throw new TacetError(`${archive} was made by Tacet ${version}, in a form that this one does not know`, {
      code: 'unsupported-version',
      hint: `Install Tacet ${version} or a later one, and restore with that.`,
    });
  }
  return tableSchema.parse(json);
}

/**
 * @param owner whose it shall be; only root can give it to somebody else
 * @throws TacetError where what comes out is not what went in; `target` may then be half written
 */
export async function unpack(archive: string, file: KeptFile, target: string, owner: Owner): Promise<void> {
  // Left by a crash, or a link that somebody put there: `wx` follows none.
  await rm(target, { force: true });
  {
    await using out = await open(target, 'wx', 0o600);
    if (process.geteuid?.() === 0) await out.chown(owner.uid, owner.gid);
    const tar = spawn('tar', ['-xzOf', archive, file.name], { stdio: ['ignore', out.fd, 'pipe'] });
    await ended(tar, `${archive} is damaged: ${file.name} cannot be read`);
    await out.sync();
  }
  const found = await digest(target);
  if (found.sha256 === file.sha256 && found.bytes === file.bytes) return;
  throw new TacetError(`${archive} is damaged: ${file.name} is not what it was`, {
    code: 'invalid-input',
    hint: 'Nothing was changed. Take another backup.',
  });
}

export async function digest(path: string): Promise<{ bytes: number; sha256: string }> {
  const hash = createHash('sha256');
  const file = createReadStream(path);
  await pipeline(file, hash);
  return { bytes: file.bytesRead, sha256: hash.digest('hex') };
}

async function ended(tar: ReturnType<typeof spawn>, what: string): Promise<void> {
  let complaint = '';
  tar.stderr?.setEncoding('utf8').on('data', (part: string) => (complaint += part));
  const code = await new Promise((resolve, reject) => {
    tar.on('error', reject);
    tar.on('close', resolve);
  });
  if (code !== 0) {
    throw new TacetError(what, {
      code: 'invalid-input',
      hint: 'Look at the room on the disk, and at whether the file is whole.',
      cause: new Error(complaint.trim()),
    });
  }
}
