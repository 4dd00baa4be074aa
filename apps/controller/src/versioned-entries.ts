import { ExclusiveRunner } from '@tacet/runtime';
import { Failure } from './failure.ts';

/** What a change expects to find: this version, nothing, or (undefined) whatever is there. */
export type Expected = number | 'nothing' | undefined;

interface Words {
  /** What one of them is called. */
  readonly one: string;
  /** The command that shows them. */
  readonly command: string;
}

/** What people name and change, each with a version, so that nobody undoes unseen what somebody else has changed. */
export class VersionedEntries<Entry extends { readonly version: number }> {
  readonly #words: Words;
  readonly #entries = new Map<string, Entry>();
  readonly #changes = new ExclusiveRunner();

  constructor(words: Words) {
    this.#words = words;
  }

  /** As it was found in the store. */
  found(name: string, entry: Entry): void {
    this.#entries.set(name, entry);
  }

  /** By name. */
  get all(): Entry[] {
    return [...this.#entries].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, entry]) => entry);
  }

  get(name: string): Entry | undefined {
    return this.#entries.get(name);
  }

  /** @throws Failure `not-found` */
  require(name: string): Entry {
    const entry = this.#entries.get(name);
    if (entry !== undefined) return entry;
    throw new Failure('not-found', `no ${this.#words.one} is called "${name}"`, {
      hint: `${this.#words.command} shows those that there are.`,
    });
  }

  /** @param keep makes and stores it, with that version. @throws Failure `conflict` for what was not expected */
  async put(
    name: string,
    expected: Expected,
    keep: (version: number, before: Entry | undefined) => Promise<Entry>,
  ): Promise<Entry> {
    return await this.#changes.run(name, async () => {
      const before = this.#requireExpected(name, expected);
      const entry = await keep((before?.version ?? 0) + 1, before);
      this.#entries.set(name, entry);
      return entry;
    });
  }

  /** @throws Failure as {@link put} and {@link require} */
  async delete(name: string, expected: Expected, forget: () => Promise<void>): Promise<void> {
    await this.#changes.run(name, async () => {
      this.require(name);
      this.#requireExpected(name, expected);
      await forget();
      this.#entries.delete(name);
    });
  }

  #requireExpected(name: string, expected: Expected): Entry | undefined {
    const entry = this.#entries.get(name);
    if (expected === undefined || expected === (entry?.version ?? 'nothing')) return entry;
    const found = entry === undefined ? 'there is none' : `it is at version ${entry.version}`;
    throw new Failure('conflict', `the ${this.#words.one} "${name}" is not what was expected: ${found}`, {
      hint: 'Somebody else has changed it. Look at it again, then repeat your change.',
    });
  }
}
