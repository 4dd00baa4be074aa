import { failed } from '../api/errors.ts';
import type { StorageOptions } from '../options.ts';

const SNAPSHOTS = new Set(['btrfs', 'lvmthin', 'zfspool']);

/** /etc/pve/storage.cfg and the checks that PVE::Storage and PVE::VZDump do on it. */
export class StorageCatalog {
  readonly #storages: Map<string, StorageOptions>;

  constructor(storages: readonly StorageOptions[]) {
    this.#storages = new Map(storages.map((storage) => [storage.storage, storage]));
  }

  all(): StorageOptions[] {
    return [...this.#storages.values()];
  }

  find(id: string): StorageOptions | undefined {
    return this.#storages.get(id);
  }

  get(id: string): StorageOptions {
    const storage = this.#storages.get(id);
    if (storage === undefined) throw failed(`storage '${id}' does not exist`);
    return storage;
  }

  replace(storage: StorageOptions): void {
    this.#storages.set(storage.storage, storage);
  }

  canSnapshot(id: string | undefined): boolean {
    return id !== undefined && SNAPSHOTS.has(this.#storages.get(id)?.type ?? '');
  }

  /** Throws when the storage cannot be used now. */
  activate(id: string): StorageOptions {
    const storage = this.get(id);
    if (storage.disabled === true) throw failed(`storage '${id}' is disabled`);
    if (storage.notMounted === true) {
      throw failed(
        `unable to activate storage '${id}' - directory is expected to be a mount point but is not mounted: '${storage.path}'`,
      );
    }
    return storage;
  }

  /** The storage's directory for backups. Throws when it does not take any. */
  dumpDir(id: string): string {
    const storage = this.get(id);
    if (!storage.content.includes('backup')) {
      throw failed(`can't use storage '${id}' for backups - wrong content type`);
    }
    return `${storage.path}/dump`;
  }
}
