import { type AckCollector, findMissingWrites, guestAddress, type Lab, type WriteStream } from '@tacet/lab';
import type { StreamMissing, StreamStall, WriteLog } from '../stage.ts';

const streams: readonly WriteStream[] = ['postgres', 'redis'];

/** The acknowledgements that the guests' writers sent to the collector outside. */
export class LabWriteLog implements WriteLog {
  readonly #original: number;
  readonly #collector: AckCollector;
  readonly #lab: Lab;

  constructor(original: number, collector: AckCollector, lab: Lab) {
    this.#original = original;
    this.#collector = collector;
    this.#lab = lab;
  }

  stalls(window: { from: number; to: number }): StreamStall[] {
    const from = { ...window, guestAddress: guestAddress(this.#original) };
    return streams.map((stream) => ({ stream, stallMs: this.#collector.longestGap(stream, from) }));
  }

  async missingIn(vmid: number, acknowledgedBefore: number): Promise<StreamMissing[]> {
    const copy = this.#lab.guest(vmid);
    if (!copy) throw new Error(`there is no guest ${vmid}`);
    const found = await findMissingWrites(copy, this.#collector, {
      before: acknowledgedBefore,
      guestAddress: guestAddress(this.#original),
    });
    return found.map(({ stream, acknowledged, missing }) => ({
      stream,
      acknowledged,
      missing: missing.length,
    }));
  }

  async flowing(vmid: number, signal: AbortSignal): Promise<void> {
    await Promise.all(streams.map((stream) => this.#collector.next(stream, guestAddress(vmid), signal)));
  }
}
