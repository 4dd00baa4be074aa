import { mkdir, readFile, rename } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { describeError, type Logger, TacetError } from '@tacet/runtime';
import { z } from 'zod';
import { syncDirectory, writeAtomically } from './atomic-file.ts';

const versionedSchema = z.object({ version: z.number().int().positive() });

export interface DocumentOptions<T extends { version: number }> {
  path: string;
  /** Of the newest version, which is the one that is written. */
  schema: z.ZodType<T>;
  version: T['version'];
  /** `converters[n]` turns version n into version n + 1. A restored journal is an old journal. */
  converters?: Readonly<Record<number, (old: unknown) => unknown>>;
  logger: Logger;
  /** Epoch milliseconds, for the name of a document that is set aside. */
  now: () => number;
}

export type ReadResult<T> =
  | { kind: 'absent' }
  | { kind: 'present'; value: T }
  /** It was renamed to `setAside`, for a person to look at. */
  | { kind: 'corrupt'; setAside: string }
  /** Written by a newer agent: it stays as it is, and cannot be written by this one. */
  | { kind: 'too-new'; version: number };

/** One JSON file with a version, a schema and a chain of conversions from older versions. */
export class VersionedDocument<T extends { version: number }> {
  readonly #options: DocumentOptions<T>;
  #tooNew: number | undefined;
  #lastWrite: Promise<void> = Promise.resolve();

  constructor(options: DocumentOptions<T>) {
    this.#options = options;
  }

  /** Never throws for what the file contains, only where it cannot be read at all. */
  async read(): Promise<ReadResult<T>> {
    const { path, version, logger } = this.#options;
    let text: string;
    try {
      text = await readFile(path, 'utf8');
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return { kind: 'absent' };
      throw error;
    }
    try {
      const raw: unknown = JSON.parse(text);
      const found = versionedSchema.parse(raw).version;
      if (found > version) {
        this.#tooNew = found;
        logger.error('a journal document was written by a newer agent: left as it is', { path, found });
        return { kind: 'too-new', version: found };
      }
      return { kind: 'present', value: this.#convert(raw, found) };
    } catch (error) {
      const setAside = await this.#setAside();
      logger.error('a journal document cannot be read: set aside', { path, setAside, error });
      return { kind: 'corrupt', setAside };
    }
  }

  /**
   * In the order of the calls: of two writes the later one stays. Its directory is made where there is none.
   * @throws TacetError `unsupported-version` rather than overwrite what a newer agent has written.
   */
  async write(value: T): Promise<void> {
    const { path, schema, version } = this.#options;
    if (this.#tooNew !== undefined) {
      throw new TacetError(
        `${basename(path)} has version ${this.#tooNew}, this agent knows up to ${version}`,
        {
          code: 'unsupported-version',
          hint: `Run the newer agent again, or move ${path} away once nothing is held any more.`,
        },
      );
    }
    const content = `${JSON.stringify(schema.parse(value))}\n`;
    const write = this.#lastWrite.then(() => this.#replace(content));
    // Its failure is its caller's alone.
    this.#lastWrite = write.catch(() => undefined);
    await write;
  }

  async #replace(content: string): Promise<void> {
    const { path } = this.#options;
    try {
      await mkdir(dirname(path), { recursive: true, mode: 0o700 });
      await writeAtomically(path, content);
    } catch (error) {
      throw new TacetError(`${path} cannot be written`, { code: 'internal', cause: error });
    }
  }

  #convert(raw: unknown, found: number): T {
    let value = raw;
    for (let version = found; version < this.#options.version; version += 1) {
      const converter = this.#options.converters?.[version];
      if (!converter) {
        throw new TacetError(`nothing converts version ${version}`, { code: 'unsupported-version' });
      }
      value = converter(value);
    }
    return this.#options.schema.parse(value);
  }

  async #setAside(): Promise<string> {
    const { path, now } = this.#options;
    const stamp = new Date(now()).toISOString().replaceAll(':', '');
    const setAside = join(dirname(path), `${basename(path)}.corrupt-${stamp}`);
    try {
      await rename(path, setAside);
      await syncDirectory(dirname(path));
    } catch (error) {
      throw new TacetError(`cannot set ${path} aside: ${describeError(error)}`, {
        code: 'internal',
        cause: error,
      });
    }
    return setAside;
  }
}
