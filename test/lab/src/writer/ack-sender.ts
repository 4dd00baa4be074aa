import { connect, type Socket } from 'node:net';

const retryMs = 500;
const connectTimeoutMs = 2000;
const tickMs = 500;
/** The collector says something twice a second; that many ticks without a word and its cable is pulled. */
const silentTicksAllowed = 4;

/**
 * Tells the collector outside the guest about each confirmed write, one JSON line each. While there is no
 * connection nothing is kept: a write that could not be reported is simply not an acknowledged one.
 */
export class AckSender {
  readonly #host: string;
  readonly #port: number;
  #socket: Socket | undefined;

  constructor(address: string) {
    const url = new URL(`tcp://${address}`);
    this.#host = url.hostname;
    this.#port = Number(url.port);
    this.#connect();
  }

  send(line: object): void {
    const socket = this.#socket;
    // A collector that does not read must not make the writer grow.
    if (!socket?.writable || socket.writableLength > 1_000_000) return;
    socket.write(`${JSON.stringify(line)}\n`);
  }

  #connect(): void {
    const socket = connect({ host: this.#host, port: this.#port });
    socket.setNoDelay(true);
    // Without an answer from the other side a SYN would be tried for two minutes.
    const giveUp = setTimeout(() => socket.destroy(), connectTimeoutMs);
    // Ticks, not time: a guest that was frozen for long must not take its own absence for the collector's.
    let silentTicks = 0;
    const watch = setInterval(() => {
      silentTicks += 1;
      if (silentTicks > silentTicksAllowed) socket.destroy();
    }, tickMs);
    socket.on('connect', () => {
      clearTimeout(giveUp);
      this.#socket = socket;
    });
    socket.on('data', () => {
      silentTicks = 0;
    });
    // `close` always follows and tries again.
    socket.on('error', () => undefined);
    socket.on('close', () => {
      clearTimeout(giveUp);
      clearInterval(watch);
      if (this.#socket === socket) this.#socket = undefined;
      setTimeout(() => this.#connect(), retryMs);
    });
  }
}
