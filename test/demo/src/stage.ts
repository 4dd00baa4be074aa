/** Where the story takes place: real guests, or simulated ones. */
export interface Stage extends AsyncDisposable {
  readonly kind: 'lab' | 'simulation';
  /** One sentence that says what is real here and what is not. */
  readonly reality: string;
  /** The guest that is backed up, and the VMID it is restored to. */
  readonly original: number;
  readonly copy: number;
  /** What `tacet --controller FILE` reads. */
  readonly controllerFile: string;
  readonly controllerUrl: string;
  /** The one-time link that makes the dashboard's first account. */
  setupUrl(): Promise<string | undefined>;
  readonly writes: WriteLog;
}

export interface StreamStall {
  stream: string;
  stallMs: number;
}

export interface StreamMissing {
  stream: string;
  /** Acknowledged writes that were looked for. */
  acknowledged: number;
  missing: number;
}

/** The log of acknowledged writes, kept outside the guest. Times are the controller's clock, in epoch ms. */
export interface WriteLog {
  /** The longest time without an acknowledged write from the original guest, per stream. */
  stalls(window: { from: number; to: number }): StreamStall[];
  /** Which writes of the original, acknowledged before that moment, the copy does not have. */
  missingIn(vmid: number, acknowledgedBefore: number): Promise<StreamMissing[]>;
  /** Resolves when the guest has acknowledged a write on every stream from now on. */
  flowing(vmid: number, signal: AbortSignal): Promise<void>;
}
