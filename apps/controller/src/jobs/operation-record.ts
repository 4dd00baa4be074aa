import { setImmediate } from 'node:timers/promises';
import type { BackupObservation } from '@tacet/core';
import type { Backup, HeldSnapshot, Operation } from '@tacet/protocol';
import type { Clock, Logger } from '@tacet/runtime';
import type { EventLog } from '../event-log.ts';
import { Failure, toWireError } from '../failure.ts';
import type { NewNodeRequest } from '../store/node-requests.ts';
import type { Store } from '../store/open-store.ts';
import { CANCEL_STEP, cancelledBefore } from './cancellation.ts';
import type { Recorder } from './recorder.ts';

export interface Start {
  /** A new one when left out. */
  readonly id?: string | undefined;
  /** Whether its work heeds the record's `cancelled`. */
  readonly cancellable?: boolean;
}

interface RecordOptions {
  /** As it is by now: a new one, or what the store has of one that is gone on with. */
  readonly operation: Operation;
  /** How often a node was asked for something already. */
  readonly requests: number;
  readonly store: Store;
  readonly events: EventLog;
  readonly clock: Clock;
  readonly log: Logger;
}

/** What takes a guest's disks, or its run: nobody could go on with it after a restart if it were not in the store. */
const mustBeWritten: ReadonlySet<NewNodeRequest['what']> = new Set([
  'stop',
  'restore',
  'rollback',
  'destroy',
]);

/**
 * What is written of one operation: its row, its steps and its events, in the order in which they happened. A
 * store that takes nothing (its disk is full) ends no operation: what it was told is kept here as well.
 */
export class OperationRecord implements Recorder {
  readonly operationId: string;
  readonly #options: RecordOptions;
  #requests: number;
  #writes: Promise<void> = Promise.resolve();
  #view: Operation;
  #isWritten = true;
  readonly #cancelling = new AbortController();

  constructor(options: RecordOptions) {
    this.operationId = options.operation.id;
    this.#options = options;
    this.#requests = options.requests;
    this.#view = options.operation;
    const cancelled = cancelledBefore(options.operation);
    if (cancelled !== undefined) this.#cancel(cancelled);
  }

  /** As it is now, written or not. */
  get view(): Operation {
    return this.#view;
  }

  /** False once the store has refused a part of it: then the whole of it is only here. */
  get isWritten(): boolean {
    return this.#isWritten;
  }

  /** Whether anything may go on somewhere without this process. */
  get hasAsked(): boolean {
    return this.#requests > 0;
  }

  /** Aborts when somebody does not want it any more; its reason is a Failure `cancelled`. */
  get cancelled(): AbortSignal {
    return this.#cancelling.signal;
  }

  /** Returns at once: what was begun is undone from here on. Asking twice is no mistake. @throws Failure `conflict` */
  cancel(reason: Failure): void {
    if (this.cancelled.aborted && this.#view.state === 'running') return;
    requireCancellable(this.#view);
    this.step(CANCEL_STEP, reason.message);
    this.#cancel(reason);
  }

  async written(): Promise<void> {
    await this.#writes;
  }

  /** Rejects where the store does not take it. */
  async begin(): Promise<void> {
    const { store, events } = this.#options;
    const { id, kind, vmid } = this.#view;
    try {
      await store.operations.create(this.#view);
    } catch (error) {
      this.#unwritten(error);
      throw error;
    }
    await events.record('operation.started', `${kind} of guest ${vmid} started`, this.#subject, {
      operationId: id,
      kind,
    });
  }

  step(name: string, message: string): void {
    const { store, clock, events } = this.#options;
    const { id } = this.#view;
    const at = clock.now();
    const position = this.#view.steps.length;
    this.#view = { ...this.#view, steps: [...this.#view.steps, { at, name, message }] };
    this.#writeLater(async () => {
      await store.operations.addStep(id, position, { at, name, message });
      const data = { operationId: id, step: name };
      await events.append({ at, type: 'operation.step', message, data }, this.#subject);
    });
  }

  quiescing(quiesceId: string): void {
    const { store } = this.#options;
    this.#writeLater(() => store.operations.quiescing(this.operationId, quiesceId));
  }

  async asking(request: NewNodeRequest): Promise<void> {
    const { store } = this.#options;
    const position = this.#requests++;
    let refused: { readonly cause: unknown } | undefined;
    this.#writeLater(async () => {
      try {
        await store.nodeRequests.create(this.operationId, position, request);
      } catch (cause) {
        refused = { cause };
        throw cause;
      }
    });
    await this.#writes;
    if (refused === undefined || !mustBeWritten.has(request.what)) return;
    this.#requests -= 1; // it is not made
    throw unwritable(request, refused);
  }

  accepted(upid: string, seen?: BackupObservation): void {
    this.#update({ upid, ...(seen && { seen }) });
  }

  observed(seen: BackupObservation): void {
    this.#update({ seen });
  }

  /** Leaves it running, for the controller that comes next to go on with. Resolves when everything is written. */
  async leave(message: string): Promise<void> {
    this.step('left', message);
    await this.#writes;
  }

  /** The guest that a restore made stands from now on, however the operation ends. */
  restored(vmid: number): void {
    this.#view = { ...this.#view, restoredTo: vmid };
  }

  /** The snapshot stands too. */
  took(snapshot: HeldSnapshot): void {
    this.#view = { ...this.#view, snapshot };
  }

  /** The one that this operation has made. */
  get backup(): Backup {
    const { backup } = this.#view;
    if (backup === null) throw new Failure('internal', 'no backup was recorded');
    return backup;
  }

  /** The backup stands too, though it may not be in the store. */
  made(backup: Backup): void {
    this.#view = { ...this.#view, backup };
  }

  /** Never rejects; resolves when everything is written. */
  async finish(end: { readonly message: string } | { readonly error: unknown }): Promise<void> {
    const { store, clock, events } = this.#options;
    const { id, kind, vmid } = this.#view;
    const at = clock.now();
    const error = 'error' in end ? toWireError(end.error) : null;
    const message = 'message' in end ? end.message : (error?.message ?? '');
    const state = error === null ? 'succeeded' : 'failed';
    const { restoredTo } = this.#view;
    this.#writeLater(async () => {
      await store.operations.finish(id, { at, restoredTo, error });
      const data = { operationId: id, kind, state, ...(error && { code: error.code }) };
      const words = `${kind} of guest ${vmid} ${state}: ${message}`;
      await events.append({ at, type: 'operation.finished', message: words, data }, this.#subject);
    });
    await this.#writes;
    const { cancellable: _, ...view } = this.#view;
    this.#view = { ...view, state, finishedAt: at, error };
  }

  get #subject(): { guestId: null; vmid: number } {
    return { guestId: null, vmid: this.#view.vmid };
  }

  #cancel(reason: Failure): void {
    const { cancellable: _, ...view } = this.#view;
    this.#view = view;
    this.#cancelling.abort(reason);
  }

  #update(change: { upid?: string; seen?: BackupObservation }): void {
    const { store } = this.#options;
    const position = this.#requests - 1;
    this.#writeLater(() => store.nodeRequests.update(this.operationId, position, change));
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
        this.#unwritten(error);
      }
    })();
  }

  #unwritten(error: unknown): void {
    this.#isWritten = false;
    const { operationId } = this;
    this.#options.log.error('an operation could not be written down', { operationId, error });
  }
}

function unwritable({ what, vmid }: NewNodeRequest, { cause }: { readonly cause: unknown }): Failure {
  return new Failure(
    'not-started',
    `the controller could not write down that it asks for the ${what} of guest ${vmid}, so it did not ask`,
    { hint: 'Make room where the controller has its `stateDir`, then try again.', retryable: true, cause },
  );
}

function requireCancellable({ kind, vmid, state, cancellable }: Operation): void {
  if (state !== 'running') {
    throw new Failure('conflict', `this ${kind} of guest ${vmid} has ended`, {
      hint: 'There is nothing to cancel.',
    });
  }
  if (cancellable === true) return;
  throw new Failure('conflict', `this ${kind} of guest ${vmid} cannot be cancelled`, {
    hint:
      kind === 'backup'
        ? 'Somebody else had Proxmox VE begin it: stop it there. To end its hold, thaw the guest now.'
        : 'Stopped half-way it would leave a guest that is neither what it was nor what it should be.',
  });
}

export function newOperation(
  id: string,
  kind: Operation['kind'],
  vmid: number,
  startedAt: number,
  cancellable = false,
): Operation {
  return {
    id,
    kind,
    vmid,
    state: 'running',
    startedAt,
    finishedAt: null,
    steps: [],
    backup: null,
    restoredTo: null,
    ...(cancellable && { cancellable }),
    error: null,
  };
}
