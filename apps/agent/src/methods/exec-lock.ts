import { type ServiceLabels, readLabels } from '@tacet/protocol';
import { orAborted, TacetError, withDeadline } from '@tacet/runtime';
import type { EngineContainer } from '../engine/engine.ts';
import type { HoldRecord } from '../journal/schemas.ts';
import { killCommands, type LabelCommand, LabelCommands } from './exec-command.ts';
import { type MethodPorts, type ServiceHold, unending } from './method.ts';

const defaultTimeoutMs = 10_000;

/** For the engine to say whether the container is there. */
const lookMs = 5_000;

export function commandOf(labels: ServiceLabels, phase: LabelCommand['phase']): LabelCommand | undefined {
  const command = labels[`tacet.exec.${phase}`];
  const timeoutMs = labels['tacet.exec.timeout'] ?? defaultTimeoutMs;
  return command === undefined ? undefined : { phase, command, timeoutMs };
}

/**
 * Held by a command, and released by another, which runs whenever the first was started, however that ended. What
 * a command changes may outlive the boot (a maintenance mode), so the undo is owed in a restored copy too.
 */
export class ExecLock implements ServiceHold {
  readonly record: HoldRecord;
  readonly commands: LabelCommands;
  readonly #ports: MethodPorts;
  /** Undefined in a fresh process. */
  readonly #seen: { labels: ServiceLabels; pid: number } | undefined;
  #isOwed: boolean;
  #isHeld = false;
  #undoing: Promise<void> | undefined;

  constructor(
    record: HoldRecord,
    ports: MethodPorts,
    seen: { labels: ServiceLabels; pid: number } | undefined,
  ) {
    this.record = record;
    this.commands = new LabelCommands(record, ports);
    this.#ports = ports;
    this.#seen = seen;
    this.#isOwed = seen === undefined;
  }

  async hold(_leaseMs: number, signal: AbortSignal): Promise<void> {
    const command = this.#seen && commandOf(this.#seen.labels, 'hold');
    if (command && !this.#isHeld) {
      this.#isOwed = true;
      await this.commands.run(command, signal);
    }
    this.#isHeld = true;
  }

  async renew(): Promise<void> {
    // What a command did stays.
  }

  /** Its command has succeeded, which is believed, and the process that it was about still runs. */
  async isHeld(): Promise<boolean> {
    if (!this.#isHeld || !this.#seen) return false;
    try {
      return (await this.#ports.freezer.cgroupOf(this.#seen.pid)) === this.record.cgroup;
    } catch (error) {
      if (TacetError.is(error, 'not-found')) return false;
      throw error;
    }
  }

  /** The undo has its own time: whoever gives up waiting for it does not end it, and joins it the next time. */
  async thaw(signal: AbortSignal): Promise<void> {
    this.#isHeld = false;
    if (!this.#isOwed) return;
    this.#undoing ??= this.#undo();
    await orAborted(this.#undoing, signal);
  }

  async close(): Promise<void> {
    // Keeps nothing open.
  }

  async #undo(): Promise<void> {
    try {
      const container = await this.#find();
      if (container) await this.#undoIn(container);
      this.#isOwed = false;
    } catch (error) {
      if (!TacetError.is(error, 'not-found')) throw error;
      // Nothing is left of what it did.
      this.#isOwed = false;
    } finally {
      this.#undoing = undefined;
    }
  }

  async #undoIn({ labels, state }: EngineContainer): Promise<void> {
    // A hold command of a dead agent, which would otherwise go on behind its undo.
    if (!this.#seen) await killCommands(this.record, this.#ports);
    const command = commandOf(this.#seen?.labels ?? readLabels(labels).labels, 'thaw');
    if (!command) return;
    if (state !== 'running') {
      throw new TacetError(`its thaw command has to wait until its container runs: it is ${state}`, {
        code: 'wrong-state',
        retryable: true,
        hint: 'Start the container, or remove it.',
      });
    }
    await this.commands.run(command, unending);
  }

  async #find(): Promise<EngineContainer | undefined> {
    using deadline = withDeadline(undefined, lookMs, 'looking for the container', this.#ports.clock);
    const containers = await this.#ports.engine.containers(deadline.signal);
    return containers.find(({ id }) => id === this.record.containerId);
  }
}
