import type { Operation } from '@tacet/protocol';
import { describeError, TacetError } from '@tacet/runtime';
import { Failure } from '../failure.ts';
import type { StartedTask } from './ports.ts';
import type { QuiesceWindow } from './quiesce-window.ts';
import type { Recorder } from './recorder.ts';

/** The reason of the signal that cancels an operation. @param by who asked for it, in words */
export function cancellation(by: string): Failure {
  return new Failure('cancelled', `cancelled by ${by}`);
}

/** The step by which a controller that comes back knows what is not wanted any more; its message is the reason's. */
export const CANCEL_STEP = 'cancel-asked';

/** The reason of a cancel that was asked of a controller before this one. */
export function cancelledBefore({ steps }: Pick<Operation, 'steps'>): Failure | undefined {
  const asked = steps.find(({ name }) => name === CANCEL_STEP);
  return asked && new Failure('cancelled', asked.message);
}

/** A cancel lets go at once, however long the node takes to answer what it is being asked meanwhile. */
export function thawWhenCancelled(
  window: QuiesceWindow | undefined,
  cancelled: AbortSignal | undefined,
): Disposable {
  const thaw = (): void => void window?.thaw('the backup was cancelled'); // never rejects
  cancelled?.addEventListener('abort', thaw, { once: true });
  return { [Symbol.dispose]: () => cancelled?.removeEventListener('abort', thaw) };
}

interface Stoppable {
  readonly task: StartedTask;
  readonly window: QuiesceWindow | undefined;
  readonly cancelled: AbortSignal | undefined;
  readonly recorder: Recorder;
  readonly signal: AbortSignal;
}

export interface Stopping extends Disposable {
  /** Settles what a cancel has begun. @returns whether the node took the request to stop the task */
  settled(): Promise<boolean>;
}

/**
 * What a cancel does once a node has taken the task: it thaws first, then has the task stopped. A node that refuses goes
 * on: the task is then followed to its end, and its backup has the verdict that it deserves.
 */
export function stopWhenCancelled({ task, window, cancelled, recorder, signal }: Stoppable): Stopping {
  let stopping: Promise<boolean> | undefined;
  const stop = async (): Promise<boolean> => {
    await window?.thaw('the backup was cancelled'); // never rejects
    // A controller that finds the task stopped must know that it was meant to be. A thaw needs no such record.
    await recorder.written();
    try {
      await task.stop(signal);
      recorder.step('cancelling', `the node was asked to stop ${task.upid}`);
      return true;
    } catch (error) {
      recorder.step('not-stopped', `the backup goes on: ${describeError(error)}`);
      return false;
    }
  };
  const begin = (): void => {
    stopping ??= stop();
  };
  if (cancelled?.aborted === true) begin();
  else cancelled?.addEventListener('abort', begin, { once: true });
  return {
    settled: async () => (await stopping) ?? false,
    [Symbol.dispose]: () => cancelled?.removeEventListener('abort', begin),
  };
}

/**
 * A backup that had come to its end before the node could stop it is one; else there is none.
 *
 * @throws Failure `cancelled`, and what `judgeEnd` throws of a task that nobody has stopped
 */
export async function unlessStopped<T>(
  stopping: Stopping,
  cancelled: AbortSignal | undefined,
  vmid: number,
  judgeEnd: () => Promise<T>,
): Promise<T> {
  const wasStopped = await stopping.settled();
  try {
    return await judgeEnd();
  } catch (error) {
    if (!wasStopped || cancelled === undefined || !TacetError.is(error, 'backup-failed')) throw error;
    const { reason }: { reason: unknown } = cancelled;
    const why = reason instanceof Failure ? reason.message : 'cancelled';
    throw new Failure('cancelled', `the backup of guest ${vmid} was ${why}; the node stopped it`, {
      hint: ['There is no backup of it.', ...(error.hint === undefined ? [] : [error.hint])].join(' '),
    });
  }
}
