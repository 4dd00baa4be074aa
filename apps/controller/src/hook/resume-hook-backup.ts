import { describeError } from '@tacet/runtime';
import type { FinishedBackup } from '../jobs/backup-job.ts';
import type { NodeRequest } from '../store/node-requests.ts';
import { type Followed, runOrAdopt } from './adopt-archive.ts';

/** Between two looks at the guest's lock; vzdump lifts it for a moment, so that one look alone says nothing. */
const LOOK_MS = 2_000;

interface Resumed extends Followed {
  readonly request: NodeRequest;
}

/**
 * Goes on with a backup of which a controller that is gone saw the beginning. While vzdump is at work on the guest,
 * which its lock tells, the script will call; where vzdump ended while nobody listened, its archive is looked for.
 *
 * @throws Failure where there is none.
 */
export async function resumeHookBackup(resumed: Resumed): Promise<FinishedBackup> {
  const over = new AbortController();
  try {
    void abandonWhenUnlocked(resumed, AbortSignal.any([resumed.signal, over.signal]));
    return await runOrAdopt(resumed);
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
