import type { HoldRecord } from '../journal/schemas.ts';
import type { MethodPorts, ServiceHold } from './method.ts';

/**
 * The generic hold: the kernel stops every process of the container between two instructions. Works for
 * every container, needs nothing from the engine, and a snapshot of a frozen process is what a crash of that
 * one process would leave.
 */
export class FreezeHold implements ServiceHold {
  readonly record: HoldRecord;
  readonly #ports: MethodPorts;

  constructor(record: HoldRecord, ports: MethodPorts) {
    this.record = record;
    this.#ports = ports;
  }

  async hold(_leaseMs: number, signal: AbortSignal): Promise<void> {
    await this.#ports.freezer.freeze(this.record.cgroup, signal);
  }

  async renew(): Promise<void> {
    // A frozen cgroup stays so.
  }

  async isHeld(): Promise<boolean> {
    return await this.#ports.freezer.isFrozen(this.record.cgroup);
  }

  async thaw(signal: AbortSignal): Promise<void> {
    await this.#ports.freezer.thaw(this.record.cgroup, signal);
  }

  async close(): Promise<void> {
    // Keeps nothing open.
  }
}
