import { setImmediate } from 'node:timers/promises';
import type { Operation } from '@tacet/protocol';
import type { Clock, Logger } from '@tacet/runtime';
import type { EventLog } from '../event-log.ts';
import { toWireError } from '../failure.ts';
import type { Store } from '../store/open-store.ts';
import type { Recorder } from './recorder.ts';

interface RecordOptions {
  readonly id: string;
  readonly kind: Operation['kind'];
  readonly vmid: number;
  readonly store: Store;
  readonly events: EventLog;
  readonly clock: Clock;
  readonly log: Logger;
}

/** What is written of one operation: its row, its steps and its events, in the order in which they happened. */
export class OperationRecord implements Recorder {
  readonly operationId: string;
  readonly #options: RecordOptions;
  #writes: Promise<void> = Promise.resolve();
  #position = 0;
  #restoredTo: number | null = null;

  constructor(options: RecordOptions) {
    this.operationId = options.id;
    this.#options = options;
  }

  async begin(): Promise<void> {
    const { id, kind, vmid, store, clock, events } = this.#options;
    await store.operations.create({ id, kind, vmid, startedAt: clock.now() });
    await events.record('operation.started', `${kind} of guest ${vmid} started`, this.#subject, {
      operationId: id,
      kind,
    });
  }

  step(name: string, message: string): void {
    const { id, store, clock, events } = this.#options;
    const at = clock.now();
    const position = this.#position++;
    this.#writeLater(async () => {
      await store.operations.addStep(id, position, { at, name, message });
      const data = { operationId: id, step: name };
      await events.append({ at, type: 'operation.step', message, data }, this.#subject);
    });
  }

  quiescing(quiesceId: string): void {
    const { id, store } = this.#options;
    this.#writeLater(() => store.operations.quiescing(id, quiesceId));
  }

  /** The guest that a restore made stands from now on, however the operation ends. */
  restored(vmid: number): void {
    this.#restoredTo = vmid;
  }

  /** Never rejects; resolves when everything is written. */
  async finish(end: { readonly message: string } | { readonly error: unknown }): Promise<void> {
    const { id, kind, vmid, store, clock, events } = this.#options;
    const at = clock.now();
    const error = 'error' in end ? toWireError(end.error) : null;
    const message = 'message' in end ? end.message : (error?.message ?? '');
    const state = error === null ? 'succeeded' : 'failed';
    this.#writeLater(async () => {
      await store.operations.finish(id, { at, restoredTo: this.#restoredTo, error });
      const data = { operationId: id, kind, state, ...(error && { code: error.code }) };
      const words = `${kind} of guest ${vmid} ${state}: ${message}`;
      await events.append({ at, type: 'operation.finished', message: words, data }, this.#subject);
    });
    await this.#writes;
  }

  get #subject(): { guestId: null; vmid: number } {
    return { guestId: null, vmid: this.#options.vmid };
  }

  /** A write waits for the disk and the whole process with it: frames that end a stall leave before. */
  #writeLater(write: () => Promise<void>): void {
    const before = this.#writes;
    this.#writes = (async () => {
      await before;
      await setImmediate();
      try {
        await write();
      } catch (error) {
        this.#options.log.error('an operation could not be written down', {
          operationId: this.operationId,
          error,
        });
      }
    })();
  }
}
