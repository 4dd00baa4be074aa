import type { Backup } from '@tacet/protocol';
import { MissingError } from '@tacet/proxmox';
import { type Clock, describeError, withDeadline } from '@tacet/runtime';
import { annotate } from '../jobs/annotate.ts';
import type { FinishedBackup } from '../jobs/backup-job.ts';
import type { NodePort, NodesPort } from '../jobs/ports.ts';
import type { Recorder } from '../jobs/recorder.ts';
import type { HookBackup } from './hook-backup.ts';

/** vzdump may be waiting for the answer to its next backup of the guest. */
const PATIENCE_MS = 5_000;

export interface Followed {
  readonly backup: HookBackup;
  readonly nodes: NodesPort;
  /** The guest's recorded backups, newest first; a few will do. */
  readonly backupsOf: (vmid: number) => Promise<readonly Backup[]>;
  readonly clock: Clock;
  readonly recorder: Recorder;
  readonly signal: AbortSignal;
}

/**
 * Follows a backup by its script. Where that never told of its archive (it was killed, or could not be heard), the
 * archive is looked for by the name that vzdump had said: vzdump gives it that name when it is complete. Its verdict
 * rests on what had been seen until then.
 *
 * @throws Failure where there is none.
 */
export async function runOrAdopt(followed: Followed): Promise<FinishedBackup> {
  const { backup, recorder, signal } = followed;
  try {
    return await backup.run(recorder, signal);
  } catch (error) {
    signal.throwIfAborted();
    const found = await findArchive(followed, describeError(error));
    if (found === undefined) throw error;
    return found;
  }
}

async function findArchive(
  { backup, nodes, backupsOf, clock, recorder, signal }: Followed,
  why: string,
): Promise<FinishedBackup | undefined> {
  const { archive } = backup;
  if (archive === undefined) return undefined;
  const { volid, storage, node: nodeName, vmid } = archive;
  using deadline = withDeadline(signal, PATIENCE_MS, `looking for ${volid}`, clock);
  let node: NodePort;
  try {
    // A name has no more than its second: one that vzdump gave up at once may bear that of the backup before.
    const recorded = await backupsOf(vmid);
    if (recorded.some((one) => one.volid === volid)) {
      recorder.step('archive-not-found', `${volid} is that of the backup before`);
      return undefined;
    }
    node = nodes.byName(nodeName, vmid);
    await node.backupAttributes(volid, deadline.signal);
  } catch (error) {
    signal.throwIfAborted();
    const words = error instanceof MissingError ? `there is no ${volid}` : describeError(error);
    recorder.step('archive-not-found', words);
    return undefined;
  }
  recorder.step('found', `${volid} is complete, though ${why}`);
  const verdict = backup.verdict();
  recorder.step('verdict', `${verdict.consistency}: ${verdict.message}`);
  const { sizeBytes } = await annotate(() => node, volid, verdict, recorder, deadline.signal);
  return { storage, backup: backup.describe({ volid, sizeBytes, verdict }) };
}
