import { TacetError, withDeadline } from '@tacet/runtime';
import type { HoldRecord } from '../journal/schemas.ts';
import { type MethodPorts, type ServiceHold, unending } from './method.ts';

/** Writing to the freezer takes no time; a kernel that does not do it will not do it later either. */
const directThawMs = 1_000;

/**
 * `docker pause`: the same freezer, held through the engine, so that everybody who looks at the containers
 * sees it. Slower than the freezer alone, and only thawed for good while the engine answers.
 */
export class PauseHold implements ServiceHold {
  readonly record: HoldRecord;
  readonly #ports: MethodPorts;

  constructor(record: HoldRecord, ports: MethodPorts) {
    this.record = record;
    this.#ports = ports;
  }

  async hold(_leaseMs: number, signal: AbortSignal): Promise<void> {
    await this.#ports.engine.pause(this.record.containerId, unending);
    if (signal.aborted) return;
    if (!(await this.isHeld())) {
      throw new TacetError('the engine paused it, and the kernel does not say so', { code: 'hold-failed' });
    }
  }

  async renew(): Promise<void> {
    // A paused container stays so.
  }

  async isHeld(): Promise<boolean> {
    return await this.#ports.freezer.isFrozen(this.record.cgroup);
  }

  async thaw(signal: AbortSignal): Promise<void> {
    try {
      await this.#unpause(signal);
    } catch (error) {
      if (TacetError.is(error, 'not-found')) return;
      // The engine does not do it. Its processes can go on all the same; what the engine still believes is
      // put right by the next attempt.
      await this.#thawDirectly();
      throw error;
    }
    await this.#ports.freezer.thaw(this.record.cgroup, signal);
  }

  /** The runtime resumes only what is frozen: after a direct thaw it is frozen again for that moment. */
  async #unpause(signal: AbortSignal): Promise<void> {
    const { engine, freezer } = this.#ports;
    try {
      await engine.unpause(this.record.containerId, signal);
    } catch (error) {
      // In the words of runc 1.1, through Docker 26.
      if (!(error instanceof Error) || !error.message.includes('container not paused')) throw error;
      await freezer.freeze(this.record.cgroup, signal);
      await engine.unpause(this.record.containerId, signal);
    }
  }

  async #thawDirectly(): Promise<void> {
    using deadline = withDeadline(undefined, directThawMs, 'the direct thaw', this.#ports.clock);
    await this.#ports.freezer.thaw(this.record.cgroup, deadline.signal);
  }

  async close(): Promise<void> {
    // Keeps nothing open.
  }
}
