import type { Backup } from '@tacet/protocol';
import { type Clock, ExclusiveRunner } from '@tacet/runtime';
import type { Operations } from '../jobs/operations.ts';
import type { MakeBackup } from '../jobs/resumed-work.ts';
import type { AgentPort, NodesPort } from '../jobs/ports.ts';
import type { QuiesceLimits } from '../jobs/quiesce-window.ts';
import type { NodeRequest } from '../store/node-requests.ts';
import { runOrAdopt } from './adopt-archive.ts';
import { HookBackup } from './hook-backup.ts';
import type { HookCall } from './hook-call.ts';
import type { GuestCall } from './hook-request.ts';
import { actionOf, type HookAction } from './phases.ts';
import { resumeHookBackup } from './resume-hook-backup.ts';

export interface HookDeskOptions {
  readonly operations: Operations;
  readonly agents: AgentPort;
  readonly nodes: NodesPort;
  readonly nodeName: string;
  /** Whether an agent of this guest was ever enrolled here. */
  readonly isKnown: (vmid: number) => Promise<boolean>;
  /** Recorded ones, newest first; a few will do. */
  readonly backupsOf: (vmid: number) => Promise<readonly Backup[]>;
  readonly clock: Clock;
  readonly limits: QuiesceLimits & { readonly backupDeadlineMs: number };
}

/** With these a backup can begin, be it that its first phase was missed. */
const beginnings: ReadonlySet<HookAction> = new Set(['begin', 'prepare', 'hold', 'flush', 'judge']);

/** Takes the hook script's calls, and leads each to the backup that it is about. */
export class HookDesk {
  readonly #options: HookDeskOptions;
  readonly #backups = new Map<number, HookBackup>();
  /** vzdump calls one phase after another; a call that was given up may still be under way at the next. */
  readonly #turns = new ExclusiveRunner<number>();

  constructor(options: HookDeskOptions) {
    this.#options = options;
  }

  async handle(call: HookCall): Promise<void> {
    if (isGuestCall(call)) {
      await this.#turns.run(call.request.vmid, () => this.#guestPhase(call));
    } else if (call.request.kind === 'status') {
      await this.#status(call);
    } else {
      // A node has one vzdump at a time, so whatever is left is left over.
      await Promise.all([...this.#backups.values()].map((backup) => backup.end(call)));
      await call.conclude('ok');
    }
  }

  /** Goes on with a backup that a controller before this one saw begin: its next calls come here. */
  resume(request: NodeRequest, startedAt: number): MakeBackup {
    return async (recorder, signal) => {
      const { nodes, backupsOf, clock } = this.#options;
      const { vmid, node: nodeName, storage, volid } = request;
      const archive = volid === null ? undefined : { storage, volid };
      const options = { ...this.#options, vmid, nodeName, startedAt, archive, sawBeginning: false };
      const backup = new HookBackup(options);
      this.#backups.set(vmid, backup);
      const resumed = { backup, request, nodes, backupsOf, clock, recorder, signal };
      return await this.#whileHere(backup, vmid, () => resumeHookBackup(resumed));
    };
  }

  async #guestPhase(call: HookCall<GuestCall>): Promise<void> {
    const { vmid, phase } = call.request;
    const action = actionOf(call.request);
    const before = this.#backups.get(vmid);
    const isLeftOver = before !== undefined && phase === 'backup-start';
    if (isLeftOver) before.abandon(`the vzdump that had begun with guest ${vmid} ended without a word`);
    let backup = isLeftOver ? undefined : before;
    if (backup === undefined && beginnings.has(action)) {
      // What is left over is about to end, and is waited for.
      if (!isLeftOver && !(await this.#mayBegin(call))) return;
      backup = await this.#begin(call, action !== 'judge');
    }
    switch (action) {
      case 'begin':
      case 'prepare':
      case 'hold':
      case 'flush':
      case 'thaw':
      case 'judge':
        await backup?.[action](call);
        break;
      case 'end':
        await backup?.end(call);
        break;
      case 'nothing':
        break;
    }
    await call.conclude('ok');
  }

  /** Says so, once a backup, where this hook stays out. */
  async #mayBegin(call: HookCall<GuestCall>): Promise<boolean> {
    const { operations, agents, isKnown } = this.#options;
    const { vmid, phase } = call.request;
    const say = (text: string): void => {
      if (phase === 'backup-start') call.say(text);
    };
    const isKnownGuest = agents.presence(vmid) === 'connected' || (await isKnown(vmid));
    if (!isKnownGuest) {
      say(`guest ${vmid} is not enrolled: it is not held`);
      await call.conclude('trouble');
      return false;
    }
    // Either it is the controller's own backup, which holds by itself, or the guest is not to be disturbed.
    if (operations.isBusy(vmid) && !operations.endRehearsal(vmid)) {
      say(`an operation of the controller is under way on guest ${vmid}: this hook stays out`);
      await call.conclude('ok');
      return false;
    }
    return true;
  }

  async #begin(call: HookCall<GuestCall>, sawBeginning: boolean): Promise<HookBackup> {
    const { vmid } = call.request;
    const backup = new HookBackup({ ...this.#options, vmid, sawBeginning });
    this.#backups.set(vmid, backup);
    const { operations, nodes, backupsOf, clock } = this.#options;
    await operations.recordBackup(vmid, (recorder, signal) =>
      this.#whileHere(backup, vmid, () => runOrAdopt({ backup, nodes, backupsOf, clock, recorder, signal })),
    );
    return backup;
  }

  async #whileHere<T>(backup: HookBackup, vmid: number, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } finally {
      if (this.#backups.get(vmid) === backup) this.#backups.delete(vmid);
    }
  }

  async #status(call: HookCall): Promise<void> {
    const { leaseMs } = this.#options.limits;
    const patienceMs = call.request.patienceS * 1_000;
    call.say(`the controller answers; a hold lasts ${leaseMs} ms at most`);
    if (patienceMs < leaseMs) {
      await call.conclude('ok');
      return;
    }
    call.say(`the script waits for ${patienceMs} ms, which should be less: see --patience, or leaseMs`);
    await call.conclude('trouble');
  }
}

function isGuestCall(call: HookCall): call is HookCall<GuestCall> {
  return call.request.kind === 'guest';
}
