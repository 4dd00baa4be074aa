import { systemClock } from '@tacet/runtime';
import type { StreamMissing, StreamStall, WriteLog } from '../stage.ts';
import type { SimulatedGuest } from './simulated-guest.ts';
import { type StreamName, streams } from './stack.ts';

interface Acknowledgement {
  vmid: number;
  stream: StreamName;
  value: string;
  at: number;
}

const names = Object.keys(streams) as StreamName[];
const pollMs = 20;

/** Which writes simulated guests got acknowledged, and when. */
export class SimulatedWriteLog implements WriteLog {
  readonly #original: number;
  readonly #guest: (vmid: number) => SimulatedGuest;
  readonly #log: Acknowledgement[] = [];

  constructor(original: number, guest: (vmid: number) => SimulatedGuest) {
    this.#original = original;
    this.#guest = guest;
  }

  acknowledge(vmid: number, stream: StreamName, value: string): void {
    this.#log.push({ vmid, stream, value, at: Date.now() });
  }

  stalls({ from, to }: { from: number; to: number }): StreamStall[] {
    return names.map((stream) => {
      const times = this.#of(this.#original, stream)
        .map(({ at }) => at)
        .filter((at) => at >= from && at <= to);
      const gaps = times.slice(1).map((at, index) => at - (times[index] ?? at));
      return { stream, stallMs: Math.max(0, ...gaps) };
    });
  }

  missingIn(vmid: number, acknowledgedBefore: number): Promise<StreamMissing[]> {
    const guest = this.#guest(vmid);
    return Promise.resolve(
      names.map((stream) => {
        const present = new Set(guest.written(stream));
        const wanted = this.#of(this.#original, stream).filter(({ at }) => at < acknowledgedBefore);
        const missing = wanted.filter(({ value }) => !present.has(value)).length;
        return { stream, acknowledged: wanted.length, missing };
      }),
    );
  }

  async flowing(vmid: number, signal: AbortSignal): Promise<void> {
    const from = Date.now();
    while (!names.every((stream) => this.#of(vmid, stream).some(({ at }) => at > from))) {
      await systemClock.sleep(pollMs, signal);
    }
  }

  #of(vmid: number, stream: StreamName): Acknowledgement[] {
    return this.#log.filter((entry) => entry.vmid === vmid && entry.stream === stream);
  }
}
