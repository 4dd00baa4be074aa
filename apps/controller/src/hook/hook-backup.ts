import { judgeHook } from '@tacet/core';
import type { Verdict } from '@tacet/protocol';
import { type Clock, deferred, orAborted, runWithin, withDeadline } from '@tacet/runtime';
import { Failure } from '../failure.ts';
import { annotate } from '../jobs/annotate.ts';
import type { FinishedBackup } from '../jobs/backup-job.ts';
import { type JobClock, jobClock } from '../jobs/job-clock.ts';
import type { AgentPort, NodesPort } from '../jobs/ports.ts';
import { type QuiesceLimits, QuiesceWindow } from '../jobs/quiesce-window.ts';
import type { Recorder } from '../jobs/recorder.ts';
import { volidOf } from '../jobs/volid.ts';
import type { HookCall } from './hook-call.ts';
import type { BackupMode, GuestCall } from './hook-request.ts';
import { heldLine, preparedLine, thawedLine, verdictLine } from './words.ts';

/** As vzdump names it, once it is complete. */
export interface HookArchive {
  readonly storage: string;
  readonly volid: string;
}

export interface HookBackupOptions {
  readonly vmid: number;
  /** False where this controller came when vzdump had its copy already. */
  readonly sawBeginning: boolean;
  /** Epoch milliseconds, where it began before this controller did. */
  readonly startedAt?: number;
  /** Where it is known from before. */
  readonly archive?: HookArchive | undefined;
  readonly agents: AgentPort;
  readonly nodes: NodesPort;
  /** On which the hook is. */
  readonly nodeName: string;
  readonly clock: Clock;
  readonly limits: QuiesceLimits & { readonly backupDeadlineMs: number };
}

/** vzdump does not wait for longer than this for a thaw that has been sent. */
const THAW_PATIENCE_MS = 2_000;

type Call = HookCall<GuestCall>;

/**
 * A backup that somebody asked of Proxmox VE, as the hook script of its vzdump shows it, phase by phase. Calls come
 * one at a time. One lease is all that a hold gets: should vzdump be killed in the middle, nobody would say so.
 */
export class HookBackup {
  readonly #options: HookBackupOptions;
  readonly #now: JobClock;
  readonly startedAt: number;
  readonly #begun = deferred<{ recorder: Recorder; signal: AbortSignal }>();
  readonly #ended = deferred<FinishedBackup>();
  #window: QuiesceWindow | undefined;
  #notHeldBecause: string | undefined;
  #isNoted: boolean;
  #archive: HookArchive | undefined;
  #mode: BackupMode | undefined;
  #wasRunning = false;
  #snapshotAllowedAt: number | undefined;
  #snapshotSeenAt: number | undefined;
  #snapshotCall: string | undefined;
  #toldOfThaw: string | undefined;

  constructor(options: HookBackupOptions) {
    this.#options = options;
    this.#now = jobClock(options.clock);
    this.startedAt = options.startedAt ?? this.#now();
    this.#isNoted = options.startedAt !== undefined;
    this.#archive = options.archive;
  }

  /** Where vzdump said that it would be; undefined where it goes to no storage. */
  get archive(): (HookArchive & { readonly node: string; readonly vmid: number }) | undefined {
    const { nodeName: node, vmid } = this.#options;
    return this.#archive && { ...this.#archive, node, vmid };
  }

  /** The operation. It lasts until vzdump is done with the guest, and leaves it thawed. @throws Failure */
  async run(recorder: Recorder, signal: AbortSignal): Promise<FinishedBackup> {
    this.#begun.resolve({ recorder, signal });
    const { clock, limits, vmid } = this.#options;
    const what = `what vzdump had begun with guest ${vmid}`;
    try {
      return await runWithin(signal, limits.backupDeadlineMs, what, () => this.#ended.promise, { clock });
    } finally {
      await this.#window?.thaw('vzdump is done with the guest');
    }
  }

  async begin(call: Call): Promise<void> {
    const { agents, vmid } = this.#options;
    await this.#noteBeginning(call);
    // A guest that does not run is backed up in stop mode, and nobody can be connected.
    const isMissing = call.request.mode !== 'stop' && agents.presence(vmid) !== 'connected';
    if (isMissing) call.say('no agent of this guest is connected: it will not be held');
    await call.conclude(isMissing ? 'trouble' : 'ok');
  }

  async prepare(call: Call): Promise<void> {
    await this.#noteBeginning(call);
    await this.#prepare(call);
    await call.conclude(this.#answer);
  }

  /** vzdump goes on to copy as soon as this is concluded. */
  async hold(call: Call): Promise<void> {
    this.#wasRunning = true;
    const window = this.#window ?? (await this.#prepare(call));
    if (this.#notHeldBecause === undefined) {
      this.#notHeldBecause = await whileWaiting(call, window.hold());
      call.say(this.#notHeldBecause === undefined ? heldLine(window) : notHeld(this.#notHeldBecause));
    }
    const allowedAt = this.#now();
    if (await call.conclude(this.#answer)) {
      this.#snapshotAllowedAt = allowedAt;
    } else {
      // vzdump has gone on before everything was held, or will not go on at all.
      void window.thaw('the hook script did not wait for its answer');
    }
  }

  /** For a guest that is about to be shut down, and must be able to end what it runs. */
  async flush(call: Call): Promise<void> {
    this.#wasRunning = true;
    const window = await this.#prepare(call);
    await window.thaw('the guest is shut down now');
    await call.conclude(this.#answer);
  }

  async thaw(call: Call): Promise<void> {
    this.#noteSnapshot(call);
    await this.#thaw(call, THAW_PATIENCE_MS);
    await call.conclude('ok');
  }

  /** The archive is complete. */
  async judge(call: Call): Promise<void> {
    const { leaseMs, holdDeadlineMs } = this.#options.limits;
    const { recorder } = await this.#begun.promise;
    await this.#noteRequest(call.request);
    this.#noteSnapshot(call);
    // Nothing waits for vzdump any more, so it may wait for how the hold ended.
    await this.#thaw(call, holdDeadlineMs + leaseMs);
    const verdict = this.verdict();
    recorder.step('verdict', `${verdict.consistency}: ${verdict.message}`);
    call.say(verdictLine(verdict));
    await this.#finish(call, verdict);
    await call.conclude('ok');
  }

  /** vzdump is done with the guest. Without an archive the backup has failed. */
  async end(call: HookCall): Promise<void> {
    const { vmid } = this.#options;
    const hasGivenUp = call.request.kind === 'guest' && call.request.phase === 'backup-abort';
    this.abandon(
      hasGivenUp
        ? `vzdump gave up the backup of guest ${vmid}`
        : `vzdump was done with guest ${vmid} and had told of no archive`,
    );
    await this.#thaw(call, THAW_PATIENCE_MS);
  }

  abandon(why: string): void {
    this.#ended.reject(new Failure('backup-failed', why, { hint: 'The log of its task says more.' }));
  }

  /** By what was seen until now. */
  verdict(): Verdict {
    const window = this.#window;
    return judgeHook({
      mode: this.#mode,
      sawBeginning: this.#options.sawBeginning,
      wasRunning: this.#wasRunning,
      plan: window?.plan,
      notHeldBecause: this.#notHeldBecause,
      holdConfirmedAt: window?.holdConfirmedAt,
      snapshotAllowedAt: this.#snapshotAllowedAt,
      snapshotSeenAt: this.#snapshotSeenAt,
      snapshotCall: this.#snapshotCall,
      thawSentAt: window?.thawSentAt,
      leaseLeftMs: window?.leaseLeftMs,
      thaw: window?.thawed,
    });
  }

  /** Of an archive that is complete. */
  describe(
    made: Pick<FinishedBackup['backup'], 'volid' | 'sizeBytes' | 'verdict'>,
  ): FinishedBackup['backup'] {
    const { vmid, nodeName: node } = this.#options;
    const { startedAt } = this;
    return { ...made, vmid, node, startedAt, finishedAt: Math.max(startedAt, this.#now()), origin: 'hook' };
  }

  get #answer(): 'ok' | 'trouble' {
    return this.#notHeldBecause === undefined ? 'ok' : 'trouble';
  }

  async #noteBeginning({ request }: Call): Promise<void> {
    const { recorder } = await this.#begun.promise;
    const { mode, storage, target } = request;
    await this.#noteRequest(request);
    recorder.step(
      'vzdump',
      `begins in ${mode} mode: ${target ?? 'to somewhere'}${storage === undefined ? '' : ` on ${storage}`}`,
    );
  }

  /** Once, for a controller that comes back while vzdump goes on. */
  async #noteRequest({ mode, storage = '', target }: GuestCall): Promise<void> {
    this.#mode = mode;
    if (this.#isNoted) return;
    this.#isNoted = true;
    const { vmid, nodeName: node, clock } = this.#options;
    const { recorder } = await this.#begun.promise;
    const volid = target === undefined || storage === '' ? null : volidOf(storage, target);
    this.#archive = volid === null ? undefined : { storage, volid };
    await recorder.asking({ what: 'hook', node, vmid, storage, volid, askedAt: clock.now(), known: null });
  }

  /** Called by vzdump for a phase that comes only after its copy, or the snapshot of which it is made. */
  #noteSnapshot({ request: { phase, mode, vmid } }: Call): void {
    this.#mode = mode;
    this.#snapshotSeenAt ??= this.#now();
    this.#snapshotCall ??= `${phase} ${mode} ${vmid}`;
  }

  async #prepare(call: Call): Promise<QuiesceWindow> {
    const { vmid, agents, clock, limits } = this.#options;
    const { recorder, signal } = await this.#begun.promise;
    await this.#noteRequest(call.request);
    const window = new QuiesceWindow({
      agents,
      vmid,
      quiesceId: recorder.operationId,
      limits: { ...limits, maxHoldMs: limits.leaseMs },
      clock,
      now: this.#now,
      recorder,
      signal,
    });
    this.#window = window;
    this.#notHeldBecause = await whileWaiting(call, window.prepare());
    const why = this.#notHeldBecause;
    if (call.gone.aborted) void window.thaw('the hook script did not wait for its answer');
    if (why !== undefined) recorder.step('not-held', why);
    call.say(why === undefined ? preparedLine(window) : notHeld(why));
    return window;
  }

  async #thaw(call: HookCall, patienceMs: number): Promise<void> {
    const window = this.#window;
    if (window === undefined) return;
    const thawing = window.thaw('vzdump has what it copies');
    using deadline = withDeadline(call.gone, patienceMs, 'the thaw', this.#options.clock);
    await orAborted(thawing, deadline.signal).catch(() => undefined); // it goes on by itself
    if (window.holdConfirmedAt === undefined) return;
    const line = thawedLine(window.thawed);
    if (line !== this.#toldOfThaw) call.say(line);
    this.#toldOfThaw = line;
  }

  async #finish(call: Call, verdict: Verdict): Promise<void> {
    const { vmid, nodeName, nodes } = this.#options;
    const { recorder, signal } = await this.#begun.promise;
    const { target, storage } = call.request;
    if (target === undefined) return this.abandon('vzdump did not say where its archive is');
    const volid = storage === undefined ? target : volidOf(storage, target);
    const findNode = () => nodes.byName(nodeName, vmid);
    const { sizeBytes, notesFailure } = await annotate(findNode, volid, verdict, recorder, signal);
    if (notesFailure !== undefined) call.say(`the notes do not tell the verdict: ${notesFailure}`);
    this.#ended.resolve({
      storage: storage ?? '',
      backup: this.describe({ volid, sizeBytes, verdict }),
    });
  }
}

/** What `work` says, unless the script stops waiting for it: then vzdump goes on without. */
async function whileWaiting(call: Call, work: Promise<string | undefined>): Promise<string | undefined> {
  try {
    return await orAborted(work, call.gone);
  } catch (error) {
    if (!call.gone.aborted) throw error;
    return 'the hook script did not wait for it';
  }
}

function notHeld(why: string): string {
  return `not held: ${why}`;
}
