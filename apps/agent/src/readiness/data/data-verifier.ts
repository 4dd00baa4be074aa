import type { DataComparison } from '@tacet/core';
import { type Clock, describeError, type Logger, TacetError } from '@tacet/runtime';
import type { DiscoveredService } from '../../discovery/compose.ts';
import type { EngineContainer } from '../../engine/engine.ts';
import { Listeners } from '../../listeners.ts';
import type { MethodPorts } from '../../methods/method.ts';
import type { DatabaseAnswer } from '../database-prober.ts';
import { checksAtStart, type FoundData } from './checks-at-start.ts';
import { compareData } from './compare-data.ts';
import type { DataCheck, DataChecks, DataChecksFile } from './data-checks-file.ts';
import { StartLog } from './start-log.ts';

const firstRetryMs = 2_000;
const lastRetryMs = 60_000;

/** A check as readiness needs to know it. */
export type DataCheckView = Pick<
  DataCheck,
  'stack' | 'service' | 'containerName' | 'outcome' | 'takenAt' | 'marker'
> & {
  /** Why it could not be compared so far. */
  trouble: string | undefined;
  /** How often it has ended by itself before it answered once. */
  ends: number;
};

export interface DataView {
  /** Whether this guest has ever been marked. */
  hasManifest: boolean;
  /** Empty where nothing had to be compared since the start of the guest. */
  checks: readonly DataCheckView[];
}

export interface DataVerifierOptions {
  ports: MethodPorts;
  file: DataChecksFile;
  clock: Clock;
  log: Logger;
}

interface Waiting {
  trouble: string;
  pauseMs: number;
  notBefore: number;
}

/**
 * Compares every database with its marker once, at its first answer after the guest's start, and remembers what it
 * found. Works beside the readiness loop, which it must not keep waiting, and never while a backup is under way.
 */
export class DataVerifier {
  readonly #options: DataVerifierOptions;
  readonly #ports: MethodPorts;
  readonly #changed = new Listeners();
  readonly #starts = new StartLog();
  readonly #ends = new Map<string, number>();
  readonly #waiting = new Map<string, Waiting>();
  readonly #running = new Set<string>();
  #interrupt = new AbortController();
  #record: DataChecks;
  #hasManifest: boolean;

  constructor(options: DataVerifierOptions, found: FoundData) {
    this.#options = options;
    const { bootId, vmid, manifest } = found;
    this.#record = { version: 1, vmid, bootId, checks: checksAtStart(found) };
    this.#hasManifest = manifest !== undefined;
    const { processes } = options.ports;
    this.#ports = {
      ...options.ports,
      processes: {
        list: (cgroup) => processes.list(cgroup),
        sqliteFiles: (cgroup) => processes.sqliteFiles(cgroup),
        // A client that only reads may end by itself: a kill would also end those of a backup that begins.
        killMarked: async () => undefined,
      },
    };
  }

  /** Written down before anything else is done: the journal soon forgets that this is a copy of a hold. */
  async arm(): Promise<void> {
    if (this.#record.checks.length > 0) await this.#options.file.write(this.#record);
  }

  get view(): DataView {
    return {
      hasManifest: this.#hasManifest,
      checks: this.#record.checks.map((check) => ({
        ...check,
        trouble: this.#waiting.get(check.containerName)?.trouble,
        ends: this.#ends.get(check.containerName) ?? 0,
      })),
    };
  }

  /** @returns how to stop listening. */
  onChange(listener: () => void): () => void {
    return this.#changed.add(listener);
  }

  /** A manifest was taken in this boot. */
  marked(): void {
    if (this.#hasManifest) return;
    this.#hasManifest = true;
    this.#changed.notify();
  }

  /** A backup begins: whatever is being asked is asked again afterwards. */
  interrupt(): void {
    this.#interrupt.abort(new TacetError('a backup begins', { code: 'conflict', retryable: true }));
    this.#interrupt = new AbortController();
  }

  /** With each look at the guest in which no backup was under way. Begins what is due, and waits for nothing. */
  note(services: readonly DiscoveredService[], answers: readonly DatabaseAnswer[]): void {
    const refusing = new Set(
      answers.filter(({ accepting }) => !accepting).map(({ containerId }) => containerId),
    );
    for (const check of this.#record.checks) {
      const container = services.find(({ container: { name } }) => name === check.containerName)?.container;
      if (!container) continue;
      this.#ends.set(check.containerName, this.#starts.note(check.containerName, container));
      if (container.state !== 'running' || refusing.has(container.id)) continue;
      if (this.#isDue(check, container)) void this.#compare(check, container);
    }
  }

  /** An operator takes the data as they are. @returns whose, as `stack/service` */
  async accept(): Promise<string[]> {
    const differing = this.#record.checks.filter(({ outcome }) => outcome.kind === 'differs');
    for (const check of differing) {
      if (check.outcome.kind !== 'differs') continue;
      const { differences } = check.outcome;
      this.#settle(check, { ...check, marker: null, outcome: { kind: 'accepted', differences } });
    }
    if (differing.length > 0) await this.#options.file.write(this.#record);
    return differing.map(({ stack, service }) => `${stack}/${service}`);
  }

  #isDue({ containerName, outcome }: DataCheck, { startedAt }: EngineContainer): boolean {
    if (this.#running.has(containerName)) return false;
    const notBefore = this.#waiting.get(containerName)?.notBefore ?? Number.NEGATIVE_INFINITY;
    if (this.#options.clock.monotonicMs() < notBefore) return false;
    return outcome.kind === 'pending' || (outcome.kind === 'differs' && outcome.startedAt !== startedAt);
  }

  /** Never rejects. */
  async #compare(check: DataCheck, container: EngineContainer): Promise<void> {
    const { clock, file, log } = this.#options;
    const { stack, service, containerName } = check;
    const { signal } = this.#interrupt;
    this.#running.add(containerName);
    try {
      const comparison = await compareData(check, container, this.#ports, signal);
      this.#waiting.delete(containerName);
      this.#settle(check, settled(check, comparison, container));
      log.info('data compared with their marker', { stack, service, ...comparison });
      await file.write(this.#record);
    } catch (error) {
      if (!signal.aborted) {
        const before = this.#waiting.get(containerName)?.pauseMs ?? firstRetryMs / 2;
        const pauseMs = Math.min(lastRetryMs, before * 2);
        const notBefore = clock.monotonicMs() + pauseMs;
        this.#waiting.set(containerName, { trouble: describeError(error), pauseMs, notBefore });
        log.warn('data could not be compared with their marker', { stack, service, error });
      }
    } finally {
      this.#running.delete(containerName);
      this.#changed.notify();
    }
  }

  #settle(check: DataCheck, after: DataCheck): void {
    const checks = this.#record.checks.map((one) => (one === check ? after : one));
    this.#record = { ...this.#record, checks };
    this.#changed.notify();
  }
}

function settled(
  check: DataCheck,
  { compared, differences, left }: DataComparison,
  { startedAt }: EngineContainer,
): DataCheck {
  // What differs may be put right, and is compared again at the next start.
  return differences.length > 0
    ? { ...check, outcome: { kind: 'differs', differences, startedAt } }
    : { ...check, marker: null, outcome: { kind: 'matches', compared, left } };
}
