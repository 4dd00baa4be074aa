import { TacetError } from '@tacet/runtime';
import type { HoldRecord } from '../journal/schemas.ts';
import { type MethodPorts, type ServiceHold, unending } from './method.ts';

/** What Docker gives a container when nothing else is said. */
const graceMs = 10_000;

/**
 * For applications that are only safe to copy when they do not run. The engine remembers that it was asked
 * (`HasBeenManuallyStopped`): a restored copy does not start it by itself, so its thaw is a start.
 */
export class StopHold implements ServiceHold {
  readonly record: HoldRecord;
  readonly #ports: MethodPorts;

  constructor(record: HoldRecord, ports: MethodPorts) {
    this.record = record;
    this.#ports = ports;
  }

  async hold(_leaseMs: number, signal: AbortSignal): Promise<void> {
    await this.#ports.engine.stop(this.record.containerId, graceMs, unending);
    if (signal.aborted) return;
    if (!(await this.isHeld(signal))) {
      throw new TacetError('the engine stopped it, and it runs again', { code: 'hold-failed' });
    }
  }

  async renew(): Promise<void> {
    // A stopped container stays so.
  }

  async isHeld(signal: AbortSignal): Promise<boolean> {
    return (await this.#state(signal)) === 'exited';
  }

  async thaw(signal: AbortSignal): Promise<void> {
    try {
      await this.#ports.engine.start(this.record.containerId, signal);
    } catch (error) {
      if (TacetError.is(error, 'not-found')) return;
      throw error;
    }
    const state = await this.#state(signal);
    if (state === 'running' || state === undefined) return;
    throw new TacetError(`it was started, and is ${state}`, { code: 'internal', retryable: true });
  }

  async close(): Promise<void> {
    // Keeps nothing open.
  }

  async #state(signal: AbortSignal): Promise<string | undefined> {
    const containers = await this.#ports.engine.containers(signal);
    return containers.find(({ id }) => id === this.record.containerId)?.state;
  }
}
