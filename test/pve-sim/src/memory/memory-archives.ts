import { type ArchiveFile, type ArchiveFiles, ArchiveGarbageError } from '../backend.ts';

export interface MemoryArchive {
  readonly fileBytes: number;
  readonly totalBytes: number;
  readonly configText: string;
  /** What the guest's disk held at the instant of the snapshot. */
  readonly captured: unknown;
  readonly damage?: 'truncated' | 'garbage';
}

interface Sidecars {
  notes?: string;
  protected?: boolean;
  log?: string;
}

/** Archives that exist only here, with their sidecar files. */
export class MemoryArchives implements ArchiveFiles {
  readonly #archives = new Map<string, MemoryArchive>();
  readonly #sidecars = new Map<string, Sidecars>();

  get(path: string): MemoryArchive | undefined {
    return this.#archives.get(path);
  }

  put(path: string, archive: MemoryArchive): void {
    this.#archives.set(path, archive);
  }

  /** The `.log` that stands beside an archive. */
  log(path: string): string | undefined {
    return this.#sidecars.get(path)?.log;
  }

  list(dumpDir: string): Promise<readonly ArchiveFile[]> {
    const files = [...this.#archives]
      .filter(([path]) => path.startsWith(`${dumpDir}/`))
      .map(([path, { fileBytes }]) => {
        const { notes, protected: isProtected = false } = this.#sidecars.get(path) ?? {};
        return { path, fileBytes, protected: isProtected, ...(notes === undefined ? {} : { notes }) };
      });
    return Promise.resolve(files);
  }

  config(path: string): Promise<string | undefined> {
    const archive = this.#archives.get(path);
    if (archive?.damage === 'garbage') return Promise.reject(new ArchiveGarbageError());
    return Promise.resolve(archive?.configText);
  }

  remove(path: string): Promise<boolean> {
    this.#sidecars.delete(path);
    return Promise.resolve(this.#archives.delete(path));
  }

  setNotes(path: string, notes: string): Promise<void> {
    this.#sidecar(path).notes = notes;
    return Promise.resolve();
  }

  setProtected(path: string, on: boolean): Promise<void> {
    this.#sidecar(path).protected = on;
    return Promise.resolve();
  }

  writeLog(path: string, text: string): Promise<void> {
    this.#sidecar(path).log = text;
    return Promise.resolve();
  }

  #sidecar(path: string): Sidecars {
    const sidecar = this.#sidecars.get(path) ?? {};
    this.#sidecars.set(path, sidecar);
    return sidecar;
  }
}
