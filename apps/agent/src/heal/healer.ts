import type { HealPolicy } from '@tacet/core';
import type { Manifest } from '@tacet/protocol';
import { Listeners } from '../listeners.ts';
import { heal, type HealLoopOptions, type HealRound } from './heal-loop.ts';
import type { HealFinding, HealRecord, HealRecordFile } from './heal-record.ts';

/** What readiness needs to know of heal. */
export interface HealView {
  /** While healing: what must run. */
  manifest: Manifest | undefined;
  /** While something that must run has not been started yet. */
  isIncomplete: boolean;
  /** What could not be brought back, also after the heal has ended. */
  findings: HealFinding[];
}

export type HealerOptions = Omit<HealLoopOptions, 'onRound' | 'manifest' | 'policy'> & {
  file: HealRecordFile;
  policy: HealPolicy;
};

const nothingToHeal: HealView = { manifest: undefined, isIncomplete: false, findings: [] };

/** Owns the heal of this start of the agent: its record on the disk, its events, its view. */
export class Healer {
  readonly #options: HealerOptions;
  readonly #changed = new Listeners();
  #view: HealView = nothingToHeal;

  constructor(options: HealerOptions) {
    this.#options = options;
  }

  get view(): HealView {
    return this.#view;
  }

  /** @returns how to stop listening. */
  onChange(listener: () => void): () => void {
    return this.#changed.add(listener);
  }

  /** A heal that has ended before this start of the agent: what it could not bring back is still so. */
  recall(record: HealRecord): void {
    this.#set({ ...nothingToHeal, findings: record.findings });
  }

  /** A newer manifest is being taken: what is missing in it is missing on purpose. */
  forget(): void {
    if (this.#view.manifest === undefined) this.#set(nothingToHeal);
  }

  /**
   * To be called before the journal is thawed, because then it no longer knows why a heal is owed. An agent
   * that is killed in between heals at its next start: once too often does no harm.
   */
  async arm(manifest: Manifest, vmid: number | null): Promise<HealRecord> {
    const armed: HealRecord = {
      version: 1,
      operationId: manifest.operationId,
      vmid,
      because: 'a heal was owed, and not finished',
      startedAt: Math.floor(this.#options.clock.now()),
      finishedAt: null,
      findings: [],
    };
    await this.#write(armed);
    return armed;
  }

  /** It turned out that nothing has to be healed. */
  async disarm(armed: HealRecord): Promise<void> {
    await this.#write({ ...armed, finishedAt: armed.startedAt, because: 'nothing had to be healed' });
  }

  /** From here on what must run is the manifest's word, though nothing is done yet. */
  expect(manifest: Manifest): void {
    this.#set({ manifest, isIncomplete: true, findings: [] });
  }

  async run(manifest: Manifest, armed: HealRecord, because: string, signal: AbortSignal): Promise<void> {
    const { events, clock } = this.#options;
    const data = { operationId: armed.operationId, because };
    events.emit('heal.started', `healing: ${because}`, data);
    const startedAt = clock.monotonicMs();
    const onRound = ({ plan, isIncomplete }: HealRound) =>
      this.#set({ manifest, isIncomplete, findings: plan.findings });
    const findings = await heal({ ...this.#options, manifest, onRound }, signal);
    const tookMs = Math.round(clock.monotonicMs() - startedAt);
    // Only now: a heal that was cut off begins again at the next start.
    await this.#write({ ...armed, because, finishedAt: Math.floor(clock.now()), findings });
    this.#set({ ...nothingToHeal, findings });
    const left = findings.map(({ stack, service, because }) => `${stack}/${service}: ${because}`);
    const result = left.length === 0 ? 'everything is back' : `not back: ${left.join('; ')}`;
    events.emit('heal.finished', `healed in ${tookMs} ms, ${result}`, { ...data, tookMs, findings });
  }

  /** A full disk must not keep a guest from healing; it heals again at the next start. */
  async #write(record: HealRecord): Promise<void> {
    const { file, log } = this.#options;
    try {
      await file.write(record);
    } catch (error) {
      log.error('the record of the heal could not be written', { error });
    }
  }

  #set(view: HealView): void {
    this.#view = view;
    this.#changed.notify();
  }
}
