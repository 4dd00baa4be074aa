import type { LabProgress } from './types.ts';

/** Runs named pieces of work and reports their beginning, their details and their end. */
export class Phases {
  readonly #onProgress: (progress: LabProgress) => void;

  constructor(onProgress: (progress: LabProgress) => void = () => undefined) {
    this.#onProgress = onProgress;
  }

  async run<T>(phase: string, work: (onDetail: (detail: string) => void) => Promise<T>): Promise<T> {
    const startedMs = performance.now();
    const report = (done: boolean, detail?: string): void =>
      this.#onProgress({
        phase,
        done,
        elapsedMs: performance.now() - startedMs,
        ...(detail !== undefined && { detail }),
      });
    report(false);
    const result = await work((detail) => report(false, detail));
    report(true);
    return result;
  }
}
