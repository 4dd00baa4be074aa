import type { Backup } from '@tacet/protocol';
import { Failure } from '../failure.ts';
import type { ApiDeps } from './deps.ts';

/** The backup of this guest that is meant: unless one is named its newest, no safety backup. @throws Failure `not-found` */
export async function chosenBackup(
  { store }: Pick<ApiDeps, 'store'>,
  vmid: number,
  backupId: string | undefined,
): Promise<Backup> {
  const chosen = await (backupId === undefined
    ? store.backups.newestToRestore(vmid)
    : store.backups.get(backupId));
  if (chosen !== undefined && chosen.vmid === vmid) return chosen;
  const which = backupId === undefined ? 'any backup' : `a backup ${backupId}`;
  throw new Failure('not-found', `this controller has not made ${which} of guest ${vmid}`, {
    hint: `tacet backups ${vmid} lists those that it has made; the safety backup of a restore has to be named: --backup ID`,
  });
}
