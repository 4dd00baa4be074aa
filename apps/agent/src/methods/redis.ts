import type { DataMarker, ServiceLabels } from '@tacet/protocol';
import { TacetError } from '@tacet/runtime';
import type { HoldRecord } from '../journal/schemas.ts';
import type {
  Discovery,
  EngineMethod,
  Flush,
  Inspection,
  InspectionBudget,
  MethodPorts,
  MethodTarget,
  ServiceHold,
} from './method.ts';
import { harmlessWrite } from './parked-write.ts';
import { RedisClient } from './redis-client.ts';
import { deepCheckRedis } from './redis-deep-check.ts';
import { chooseDump, type DumpChoice, dumpOfReplica } from './redis-dump.ts';
import { type RedisFacts, readFacts } from './redis-facts.ts';
import { type HoldDuty, RedisLock } from './redis-lock.ts';
import { readRedisMarker } from './redis-marker.ts';

/** A pause and the answers around it, where nothing has to be dumped. */
const quickHoldMs = 5;

/** A dump is asked for after this time, and then ever more rarely. */
const firstPollMs = 5;
const lastPollMs = 50;

/** The server looks ten times a second whether a background save has ended (its setting `hz`). */
const unnoticedMs = 100;

/**
 * Redis and Valkey. With an append-only file a pause is all it takes; without one, everything is dumped again:
 * in the hold, so that nothing acknowledged is missing from the copy, or before it where that takes too long.
 */
export class RedisMethod implements EngineMethod {
  readonly lock: RedisLock;
  readonly #target: MethodTarget;
  readonly #ports: MethodPorts;
  readonly #labels: ServiceLabels;
  #facts: RedisFacts | undefined;
  #prober: RedisClient | undefined;

  constructor(target: MethodTarget, ports: MethodPorts, labels: ServiceLabels) {
    const { stack, service, container, cgroup } = target;
    this.#target = target;
    this.#ports = ports;
    this.#labels = labels;
    this.lock = new RedisLock(
      { stack, service, containerId: container.id, action: 'lock', method: 'redis', cgroup },
      ports,
      { container, dutyOf: (control, signal) => this.#duty(control, signal) },
    );
  }

  async discover(signal: AbortSignal): Promise<Discovery> {
    const { control } = await this.lock.open(signal);
    const facts = (this.#facts ??= await readFacts(control, this.#ports.logger, signal));
    return {
      engine: facts.engine,
      predictedHoldMs: this.#predictedHoldMs(facts),
      notes: [
        ...(facts.persistence === 'dump' ? [this.#choice(facts).note] : []),
        ...(facts.persistence === 'none' ? ['keeps nothing on disk: a restored copy starts empty'] : []),
        ...(facts.isReplica ? ['is a replica: its pause does not stop what its master sends'] : []),
      ],
    };
  }

  async prepare(signal: AbortSignal): Promise<Flush> {
    try {
      const { control } = await this.lock.open(signal);
      this.#prober ??= await RedisClient.open(this.#ports, this.#target.container, signal, { marked: false });
      const facts = (this.#facts ??= await readFacts(control, this.#ports.logger, signal));
      const dump = facts.persistence === 'dump' ? await this.#dumpNow(control, signal) : undefined;
      if (dump) this.#facts = { ...facts, dumpMs: correctedMs(facts.dumpMs, dump.tookMs) };
      const predictedHoldMs = this.#predictedHoldMs(this.#facts);
      const isBehind = dump && this.#choice(this.#facts).mode === 'fast';
      return { bytesFlushed: null, predictedHoldMs, behindSince: isBehind ? dump.startedAt : null };
    } catch (error) {
      // A client that was given up in the middle of an answer is of no use to the hold.
      await this.lock.hangUp();
      throw error;
    }
  }

  async marker(signal: AbortSignal): Promise<DataMarker> {
    const { control } = await this.lock.open(signal);
    const { persistence } = (this.#facts ??= await readFacts(control, this.#ports.logger, signal));
    return await readRedisMarker(control, persistence, signal);
  }

  /** Every start of the server reads its files anyway: only who asks has them read while it runs. */
  async inspect({ depth }: InspectionBudget, signal: AbortSignal): Promise<Inspection> {
    if (depth === 'quick') return { looked: [], findings: [] };
    const { control } = await this.lock.open(signal);
    const { persistence } = (this.#facts ??= await readFacts(control, this.#ports.logger, signal));
    return await deepCheckRedis(control, persistence, this.#ports, this.#target.container, signal);
  }

  get probe(): ((signal: AbortSignal) => Promise<void>) | undefined {
    const prober = this.#prober;
    return prober && (async (signal) => void (await prober.ask([harmlessWrite], signal)));
  }

  async close(): Promise<void> {
    await this.lock.close();
    await this.#prober?.[Symbol.asyncDispose]();
    this.#prober = undefined;
  }

  async #duty(control: RedisClient, signal: AbortSignal): Promise<HoldDuty> {
    const facts = (this.#facts ??= await readFacts(control, this.#ports.logger, signal));
    switch (facts.persistence) {
      case 'append-only':
        return 'append-only file';
      case 'dump':
        return this.#choice(facts).mode === 'strict' ? 'dump' : 'nothing';
      case 'none':
        return 'nothing';
    }
  }

  #predictedHoldMs(facts: RedisFacts): number {
    const dumps = facts.persistence === 'dump' && this.#choice(facts).mode === 'strict';
    return Math.round(dumps ? facts.dumpMs : 0) + quickHoldMs;
  }

  #choice({ dumpMs, isReplica }: RedisFacts): DumpChoice {
    // What its master sends would go on behind a dump of the hold.
    return isReplica ? dumpOfReplica : chooseDump(dumpMs, this.#labels);
  }

  /**
   * While writes go on. It tells how long a dump takes, and is what the copy has where the hold takes none: what
   * was acknowledged before its start is in it.
   */
  async #dumpNow(control: RedisClient, signal: AbortSignal): Promise<{ startedAt: number; tookMs: number }> {
    const { clock } = this.#ports;
    await this.#untilIdle(control, signal);
    const startedAt = Math.round(clock.now());
    const startedMs = clock.monotonicMs();
    try {
      await control.ask(['BGSAVE'], signal);
    } catch (error) {
      // One of its own has begun since it was last asked.
      if (error instanceof Error && error.message.includes('in progress')) {
        return await this.#dumpNow(control, signal);
      }
      throw error;
    }
    const status = await this.#untilIdle(control, signal);
    if (status === 'ok') return { startedAt, tookMs: clock.monotonicMs() - startedMs };
    throw new TacetError('its background save failed', {
      code: 'prepare-failed',
      hint: 'Is there room on its disk, and does vm.overcommit_memory let it fork?',
    });
  }

  /** Resolves with the last background save's status when none is going on. */
  async #untilIdle(control: RedisClient, signal: AbortSignal): Promise<string | undefined> {
    for (let delayMs = firstPollMs; ; delayMs = Math.min(lastPollMs, delayMs * 1.2)) {
      const info = await control.info(signal, 'persistence');
      if (info.get('rdb_bgsave_in_progress') !== '1') return info.get('rdb_last_bgsave_status');
      await this.#ports.clock.sleep(delayMs, signal);
    }
  }
}

/** What was foretold, as far as what was measured allows. */
function correctedMs(foretoldMs: number, measuredMs: number): number {
  return Math.min(measuredMs, Math.max(foretoldMs, measuredMs - unnoticedMs));
}

/** What a dead agent may have paused: until the end of its lease at the latest. */
export function inheritedRedisLock(
  record: HoldRecord,
  ports: MethodPorts,
  leaseExpiresAt: number,
): ServiceHold {
  return new RedisLock(record, ports, { pausedUntil: leaseExpiresAt });
}
