import type { HealStep } from '@tacet/core';
import type { Manifest, RestartPolicy } from '@tacet/protocol';
import { Listeners } from '../listeners.ts';
import type { HealOrder } from './heal-decision.ts';
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

export type HealerOptions = Omit<
  HealLoopOptions,
  'onRound' | 'onDone' | 'manifest' | 'policy' | 'mayStartEngine'
> & {
  file: HealRecordFile;
  missingRestartPolicy: RestartPolicy;
};

const nothingToHeal: HealView = { manifest: undefined, isIncomplete: false, findings: [] };

/** Owns the heals of this start of the agent: their record on the disk, their events, their view. */
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
  async arm(manifest: Manifest, vmid: number | null, before?: HealRecord): Promise<HealRecord> {
    const armed: HealRecord = {
      version: 1,
      operationId: manifest.operationId,
      vmid,
      because: 'a heal was owed, and not finished',
      startedAt: Math.floor(this.#options.clock.now()),
      finishedAt: null,
      findings: [],
      postRestored: before?.postRestored ?? [],
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

  /** @param armed undefined for a heal that is owed anew at each start, and needs no record. */
  async run(order: HealOrder, armed: HealRecord | undefined, signal: AbortSignal): Promise<void> {
    const { events, clock } = this.#options;
    const { manifest, because, kind } = order;
    const data = { operationId: manifest.operationId, because };
    const startedAt = clock.monotonicMs();
    const postRestored = new Set(armed?.postRestored);
    const policy =
      kind === 'restore'
        ? { missingRestartPolicy: this.#options.missingRestartPolicy, restore: { postRestored } }
        : { missingRestartPolicy: 'no' as const, restore: null };
    let isNews = kind !== 'engine-return';
    const begin = () => events.emit('heal.started', `healing: ${because}`, data);
    if (isNews) begin();
    const findings = await heal(
      {
        ...this.#options,
        manifest,
        policy: () => policy,
        mayStartEngine: kind !== 'engine-return',
        onRound: ({ plan, isIncomplete }: HealRound) => {
          // An engine that brought everything back by itself is no news.
          if (!isNews && plan.steps.length > 0) {
            isNews = true;
            begin();
          }
          this.#set({ manifest, isIncomplete, findings: plan.findings });
        },
        onDone: async ({ kind: done, containerId }: HealStep) => {
          if (done !== 'run-command') return;
          postRestored.add(containerId);
          if (armed) await this.#write({ ...armed, because, postRestored: [...postRestored] });
        },
      },
      signal,
    );
    const tookMs = Math.round(clock.monotonicMs() - startedAt);
    // Only now: a heal that was cut off begins again at the next start.
    if (armed) {
      const finishedAt = Math.floor(clock.now());
      await this.#write({ ...armed, because, finishedAt, findings, postRestored: [...postRestored] });
    }
    this.#set({ ...nothingToHeal, findings });
    if (!isNews && findings.length === 0) return;
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
    const { manifest, isIncomplete, findings } = this.#view;
    const isSame =
      manifest === view.manifest &&
      isIncomplete === view.isIncomplete &&
      JSON.stringify(findings) === JSON.stringify(view.findings);
    // Told in each round of a heal: whoever listens looks at every container.
    if (isSame) return;
    this.#view = view;
    this.#changed.notify();
  }
}
