import { judgeHook } from '@tacet/core';
import type { Verdict } from '@tacet/protocol';
import { MissingError } from '@tacet/proxmox';
import { type Clock, describeError, withDeadline } from '@tacet/runtime';
import { annotate } from '../jobs/annotate.ts';
import type { FinishedBackup } from '../jobs/backup-job.ts';
import type { NodePort, NodesPort } from '../jobs/ports.ts';
import type { Recorder } from '../jobs/recorder.ts';
import type { NodeRequest } from '../store/node-requests.ts';
import type { HookBackup } from './hook-backup.ts';

/** Between two looks at the guest's lock; vzdump lifts it for a moment, so that one look alone says nothing. */
const LOOK_MS = 2_000;
/** vzdump may be waiting for the answer to its next backup of the guest. */
const ARCHIVE_PATIENCE_MS = 5_000;

interface Resumed {
  readonly backup: HookBackup;
  readonly request: NodeRequest;
  readonly nodes: NodesPort;
  readonly clock: Clock;
  readonly recorder: Recorder;
  readonly signal: AbortSignal;
}

/**
 * Goes on with a backup of which a controller that is gone saw the beginning. While vzdump is at work on the guest,
 * which its lock tells, the script will call; where vzdump ended while nobody listened, its archive is looked for.
 *
 * @throws Failure where there is none.
 */
export async function resumeHookBackup(resumed: Resumed): Promise<FinishedBackup> {
  const { backup, recorder, signal } = resumed;
  const over = new AbortController();
  try {
    void abandonWhenUnlocked(resumed, AbortSignal.any([signal, over.signal]));
    return await backup.run(recorder, signal);
  } catch (error) {
    signal.throwIfAborted();
    const found = await findArchive(resumed);
    if (found !== undefined) return found;
    throw error;
  } finally {
    over.abort();
  }
}

async function abandonWhenUnlocked(resumed: Resumed, signal: AbortSignal): Promise<void> {
  const { backup, request, nodes, clock, recorder } = resumed;
  let free = 0;
  let isLost = false;
  while (free < 2) {
    try {
      await clock.sleep(LOOK_MS, signal);
      const { lock } = await nodes.byName(request.node, request.vmid).marks(request.vmid, signal);
      free = lock === 'backup' ? 0 : free + 1;
    } catch (error) {
      if (signal.aborted) return; // it has ended in another way
      if (!isLost) recorder.step('node-lost', describeError(error));
      isLost = true;
    }
  }
  backup.abandon(`vzdump ended with guest ${request.vmid} while the controller was away`);
}

/** vzdump gives an archive its name when it is complete. */
async function findArchive(resumed: Resumed): Promise<FinishedBackup | undefined> {
  const { backup, request, nodes, clock, recorder, signal } = resumed;
  const { volid, vmid, storage, node: nodeName } = request;
  if (volid === null || storage === '') return undefined;
  using deadline = withDeadline(signal, ARCHIVE_PATIENCE_MS, `looking for ${volid}`, clock);
  let node: NodePort;
  try {
    node = nodes.byName(nodeName, vmid);
    await node.backupAttributes(volid, deadline.signal);
  } catch (error) {
    signal.throwIfAborted();
    const words = error instanceof MissingError ? `there is no ${volid}` : describeError(error);
    recorder.step('archive-not-found', words);
    return undefined;
  }
  recorder.step('found', `${volid} is complete`);
  const verdict = unseen();
  recorder.step('verdict', `${verdict.consistency}: ${verdict.message}`);
  const { sizeBytes } = await annotate(() => node, volid, verdict, recorder, deadline.signal);
  const { startedAt } = backup;
  const finishedAt = Math.max(startedAt, clock.now());
  return {
    storage,
    backup: { vmid, node: nodeName, volid, sizeBytes, startedAt, finishedAt, origin: 'hook', verdict },
  };
}

function unseen(): Verdict {
  return judgeHook({
    mode: undefined,
    sawBeginning: false,
    wasRunning: false,
    plan: undefined,
    notHeldBecause: undefined,
    holdConfirmedAt: undefined,
    snapshotAllowedAt: undefined,
    snapshotSeenAt: undefined,
    snapshotCall: undefined,
    thawSentAt: undefined,
    leaseLeftMs: undefined,
    thaw: undefined,
  });
}
