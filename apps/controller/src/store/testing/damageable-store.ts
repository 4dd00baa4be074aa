import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { openStore, type Store } from '../open-store.ts';

/** A store on disk, as a controller opens it, whose rows a test can damage behind its back. */
export class DamageableStore implements AsyncDisposable {
  readonly store: Store;
  /** The rows that could not be read. */
  readonly told: readonly string[];
  readonly #directory: string;

  private constructor(directory: string, store: Store, told: readonly string[]) {
    this.#directory = directory;
    this.store = store;
    this.told = told;
  }

  static async open(): Promise<DamageableStore> {
    const directory = await mkdtemp(join(tmpdir(), 'tacet-damage-'));
    const told: string[] = [];
    const store = await openStore(pathIn(directory), (row) => told.push(row));
    return new DamageableStore(directory, store, told);
  }

  run(sql: string): void {
    using database = new DatabaseSync(pathIn(this.#directory));
    database.exec(sql);
  }

  /** As it is in the file. */
  row(sql: string): Record<string, unknown> | undefined {
    using database = new DatabaseSync(pathIn(this.#directory));
    const row = database.prepare(sql).get();
    return row && { ...row };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.store[Symbol.asyncDispose]();
    await rm(this.#directory, { recursive: true });
  }
}

function pathIn(directory: string): string {
  return join(directory, 'controller.db');
}
