import { orAborted } from '@tacet/runtime';

export type MemoryCall =
  | 'version'
  | 'containers'
  | 'start'
  | 'stop'
  | 'pause'
  | 'unpause'
  | 'setRestartPolicy'
  | 'reconnect'
  | 'exec'
  | 'openSession'
  | 'ask'
  | 'changes'
  | 'freeze'
  | 'thaw'
  | 'sync';

export interface MemoryFault {
  call: MemoryCall;
  /** Every container unless given. */
  containerId?: string;
  /** How often; for ever unless given. */
  times?: number;
  /**
   * `hang` never answers (a call that was aborted is not carried out either); an error is thrown; a promise
   * is waited for, aborted or not, before the call is carried out: an engine that comes to late.
   */
  effect: 'hang' | Error | Promise<void>;
}

/** What goes wrong in a simulated guest. */
export class MemoryFaults {
  #faults: MemoryFault[] = [];

  /** Returns the way to end it. */
  inject(fault: MemoryFault): () => void {
    const own = { ...fault };
    this.#faults.push(own);
    return () => void (this.#faults = this.#faults.filter((other) => other !== own));
  }

  async before(call: MemoryCall, containerId: string | undefined, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    const fault = this.#faults.find(
      (one) =>
        one.call === call &&
        one.times !== 0 &&
        (one.containerId === undefined || one.containerId === containerId),
    );
    if (!fault) return;
    if (fault.times !== undefined) fault.times -= 1;
    if (fault.effect instanceof Error) throw fault.effect;
    if (fault.effect === 'hang') await orAborted(new Promise(() => undefined), signal);
    await fault.effect;
  }
}
