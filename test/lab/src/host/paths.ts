import { join } from 'node:path';

// Everything the lab makes on a machine: these two directories, one bridge, its guests' veth ends, and at
// most one line each in /etc/subuid and /etc/subgid.
export const stateDirectory = '/var/lib/tacet-lab';

export const paths = {
  state: stateDirectory,
  /** The sparse file that holds the storage, and where it is mounted. */
  storageImage: join(stateDirectory, 'storage.img'),
  storage: join(stateDirectory, 'storage'),
  /** One directory per guest: LXC configuration, description, logs. */
  guests: join(stateDirectory, 'guests'),
  scratch: join(stateDirectory, 'scratch'),
  /** What the lab changed outside its directories, to be undone. */
  changes: join(stateDirectory, 'changes.json'),
} as const;

/** Built things outlive a take-down and the clone. */
export function cacheDirectory(): string {
  return process.env['TACET_LAB_CACHE'] ?? '/var/cache/tacet-lab';
}
