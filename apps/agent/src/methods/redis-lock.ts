import { TacetError } from '@tacet/runtime';
import type { EngineContainer } from '../engine/engine.ts';
import type { HoldRecord } from '../journal/schemas.ts';
import { holdMark, type MethodPorts, type ServiceHold } from './method.ts';
import { ParkedWrite } from './parked-write.ts';
import { parseInfo, RedisClient, type RedisInfo } from './redis-client.ts';

/** While everybody waits, so more often than anywhere else. */
const pollMs = 2;

/** One is enough, unless the server is about to dump by itself. */
const mostSaves = 3;

/** What has to be in the files before it counts as held. `dump`: everything, by a dump of now. */
export type HoldDuty = 'append-only file' | 'dump' | 'nothing';

interface Kept {
  control: RedisClient;
  parked: ParkedWrite;
}

/**
 * `CLIENT PAUSE … WRITE` blocks writers for the time it is given and survives its client. A second, shorter one
 * does not shorten it, so it is given the lease's length and no more.
 */
export class RedisLock implements ServiceHold {
  readonly record: HoldRecord;
  readonly #ports: MethodPorts;
  /** Known before the first call where there is a fresh look at the containers. */
  readonly #container: EngineContainer | undefined;
  readonly #dutyOf: (control: RedisClient, signal: AbortSignal) => Promise<HoldDuty>;
  #duty: HoldDuty | undefined;
  #kept: Kept | undefined;
  #opening: Promise<Kept> | undefined;
  /** Epoch milliseconds after which nothing can be paused any more; undefined where nothing was. */
  #pausedUntil: number | undefined;
  #closed = false;

  constructor(
    record: HoldRecord,
    ports: MethodPorts,
    options: {
      container?: EngineContainer;
      dutyOf?: (control: RedisClient, signal: AbortSignal) => Promise<HoldDuty>;
      pausedUntil?: number;
    },
  ) {
    this.record = record;
    this.#ports = ports;
    this.#container = options.container;
    this.#dutyOf = options.dutyOf ?? (async () => 'dump');
    this.#pausedUntil = options.pausedUntil;
  }

  /** Its clients, opened once. */
  async open(signal: AbortSignal): Promise<Kept> {
    if (this.#kept) return this.#kept;
    this.#opening ??= this.#openBoth(signal);
    try {
      return (this.#kept = await this.#opening);
    } finally {
      this.#opening = undefined;
    }
  }

  async hold(leaseMs: number, signal: AbortSignal): Promise<void> {
    const { control, parked } = await this.open(signal);
    this.#duty = await this.#dutyOf(control, signal);
    if (parked.isSent) await this.renew(leaseMs, signal);
    else if (isWritten(await parked.pauseAndSend(this.#leased(leaseMs), signal), this.#duty)) return;
    await this.#untilWritten({ control, parked }, this.#duty, signal);
  }

  async renew(leaseMs: number, signal: AbortSignal): Promise<void> {
    // Frozen, it serves nobody, and nobody can ask it. If its pause ends meanwhile, `isHeld` will tell.
    if (await this.#ports.freezer.isFrozen(this.record.cgroup)) return;
    const { control } = await this.open(signal);
    await control.ask([`CLIENT PAUSE ${this.#leased(leaseMs)} WRITE`], signal);
  }

  /** By the server's word: what was sent right behind the pause still waits, and nothing has changed since. */
  async isHeld(signal: AbortSignal): Promise<boolean> {
    if (!this.#kept) return false;
    const { control, parked } = this.#kept;
    return this.#wasHeldIn(parked, await control.ask([parked.question, 'INFO persistence'], signal));
  }

  async letGo(signal: AbortSignal): Promise<boolean> {
    if (!this.#kept) return false;
    const { control, parked } = this.#kept;
    const lines = await control.ask([parked.question, 'INFO persistence', 'CLIENT UNPAUSE'], signal);
    return this.#wasHeldIn(parked, lines);
  }

  async thaw(signal: AbortSignal): Promise<void> {
    if (this.#pausedUntil === undefined) return;
    try {
      await this.#unpause(signal);
    } catch (error) {
      if (!TacetError.is(error, 'not-found') && this.#ports.clock.now() <= this.#pausedUntil) throw error;
      this.#ports.logger.info('the pause has ended by itself', { ...this.record, error });
    } finally {
      if (this.#closed) await this.hangUp();
    }
    this.#pausedUntil = undefined;
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.hangUp();
  }

  async hangUp(): Promise<void> {
    const kept = this.#kept;
    this.#kept = undefined;
    await kept?.control[Symbol.asyncDispose]();
    await kept?.parked[Symbol.asyncDispose]();
  }

  #wasHeldIn(parked: ParkedWrite, lines: readonly string[]): boolean {
    if (parked.stateIn(lines) !== 'waiting') return false;
    return this.#duty !== 'dump' || parseInfo(lines).get('rdb_changes_since_last_save') === '0';
  }

  /** Written down before it is asked for. */
  #leased(leaseMs: number): number {
    const ms = Math.ceil(leaseMs);
    this.#pausedUntil = Math.max(this.#pausedUntil ?? 0, this.#ports.clock.now() + ms);
    return ms;
  }

  async #untilWritten({ control, parked }: Kept, duty: HoldDuty, signal: AbortSignal): Promise<void> {
    let mustSave = false;
    let saves = 0;
    for (;;) {
      const save = mustSave ? ['SAVE'] : [];
      const lines = await askUnlessSaving(control, [...save, parked.question, 'INFO persistence'], signal);
      const state = lines && parked.stateIn(lines);
      if (state === 'through') {
        throw new TacetError('a write went through although writes are paused', { code: 'hold-failed' });
      }
      const info = parseInfo(lines ?? []);
      if (state === 'waiting' && isWritten(info, duty)) return;
      mustSave = lines !== undefined && duty === 'dump' && isBehind(info);
      if (mustSave && (saves += 1) > mostSaves) {
        throw new TacetError('it goes on changing although writes are paused', { code: 'hold-failed' });
      }
      if (!mustSave) await this.#ports.clock.sleep(pollMs, signal);
    }
  }

  /** Through the kept clients where they still answer, else through new ones. */
  async #unpause(signal: AbortSignal): Promise<void> {
    if (this.#kept) {
      try {
        await unpause(this.#kept, signal);
        return;
      } catch (error) {
        await this.hangUp();
        signal.throwIfAborted();
        this.#ports.logger.warn('the kept clients do not answer: opening others', { ...this.record, error });
      }
    }
    const { state } = await this.#find(signal);
    // Its process is gone, and what it had paused with it.
    if (state !== 'running' && state !== 'paused') return;
    // A pause that such a client has not sent yet would come after its end.
    await this.#ports.processes.killMarked(this.record.cgroup, holdMark, signal);
    await unpause(await this.open(signal), signal);
  }

  async #openBoth(signal: AbortSignal): Promise<Kept> {
    const container = this.#container ?? (await this.#find(signal));
    const [control, parked] = await Promise.allSettled([
      RedisClient.open(this.#ports, container, signal),
      ParkedWrite.open(this.#ports, container, signal),
    ]);
    if (control.status === 'fulfilled' && parked.status === 'fulfilled') {
      return { control: control.value, parked: parked.value };
    }
    let failure: unknown;
    for (const one of [parked, control]) {
      if (one.status === 'fulfilled') await one.value[Symbol.asyncDispose]();
      else failure = one.reason;
    }
    throw failure;
  }

  async #find(signal: AbortSignal): Promise<EngineContainer> {
    const { containerId } = this.record;
    const found = (await this.#ports.engine.containers(signal)).find(({ id }) => id === containerId);
    if (!found) throw new TacetError('the container is gone', { code: 'not-found' });
    return found;
  }
}

async function unpause({ control, parked }: Kept, signal: AbortSignal): Promise<void> {
  await control.ask(['CLIENT UNPAUSE'], signal);
  await parked.goesThrough(signal);
}

/** Undefined where a background save has begun since: its end is waited for, and then all may be written. */
async function askUnlessSaving(
  control: RedisClient,
  commands: readonly string[],
  signal: AbortSignal,
): Promise<string[] | undefined> {
  try {
    return await control.ask(commands, signal);
  } catch (error) {
    if (error instanceof Error && error.message.includes('in progress')) return undefined;
    throw error;
  }
}

function isBehind(info: RedisInfo): boolean {
  return info.get('rdb_bgsave_in_progress') === '0' && info.get('rdb_changes_since_last_save') !== '0';
}

function isWritten(info: RedisInfo, duty: HoldDuty): boolean {
  switch (duty) {
    case 'append-only file':
      // With `appendfsync everysec` an answer can be sent before the append-only file is written.
      return (info.get('aof_buffer_length') ?? '0') === '0';
    case 'dump':
      return info.get('rdb_bgsave_in_progress') === '0' && info.get('rdb_changes_since_last_save') === '0';
    case 'nothing':
      return true;
  }
}
