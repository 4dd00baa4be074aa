import { readdir, readFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import type { Needle } from './needle.ts';

interface Found {
  readonly secret: string;
  readonly place: string;
  /** What stands around it, for who has to find out how it came there. */
  readonly around: string;
}

/** Everything that was said, shown or written, by the place where. */
export class Evidence {
  readonly #places = new Map<string, Buffer[]>();

  add(place: string, content: string | Buffer): void {
    const parts = this.#places.get(place) ?? [];
    this.#places.set(place, [...parts, Buffer.from(content)]);
  }

  /** Every file below a directory, as bytes. One that vanishes meanwhile has nothing to hide. */
  async addFiles(place: string, directory: string): Promise<void> {
    const entries = await readdir(directory, { recursive: true, withFileTypes: true });
    for (const entry of entries) {
      if (!entry.isFile()) continue;
      const path = join(entry.parentPath, entry.name);
      try {
        this.add(`${place}/${relative(directory, path)}`, await readFile(path));
      } catch (error) {
        if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error;
      }
    }
  }

  get places(): string[] {
    return [...this.#places.keys()];
  }

  bytesOf(place: string): number {
    return Buffer.concat(this.#places.get(place) ?? []).length;
  }

  find(needles: readonly Needle[]): Found[] {
    const found: Found[] = [];
    for (const [place, parts] of this.#places) {
      const content = Buffer.concat(parts);
      for (const { name, forms, allowed } of needles) {
        if (allowed.some((start) => place.startsWith(start))) continue;
        const at = forms.map((form) => content.indexOf(form)).find((index) => index >= 0);
        if (at === undefined) continue;
        const around = content.subarray(Math.max(0, at - 80), at + 20).toString('latin1');
        found.push({ secret: name, place, around });
      }
    }
    return found;
  }
}
