import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';

interface Pair {
  /** The agent's end, and the controller's. */
  near: Socket;
  far: Socket;
  /** What the agent has sent and nobody has delivered; undefined while it flows. */
  kept: Buffer[] | undefined;
}

/** A wire between agents and a controller that can be cut, and on which things can come late. */
export class CuttableWire implements AsyncDisposable {
  readonly #server: Server;
  readonly #pairs = new Set<Pair>();
  #target: number;

  private constructor(server: Server, target: number) {
    this.#server = server;
    this.#target = target;
  }

  /** @param target the controller's port on the loopback */
  static async open(target: number): Promise<CuttableWire> {
    const server = createServer();
    const wire = new CuttableWire(server, target);
    server.on('connection', (near) => wire.#join(near));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return wire;
  }

  get port(): number {
    const address = this.#server.address();
    if (address === null || typeof address === 'string') throw new Error('the wire is closed');
    return address.port;
  }

  /** Where connections lead from now on. */
  leadTo(target: number): void {
    this.#target = target;
  }

  /** Both ends notice at once; what was on its way is lost. */
  cut(): void {
    for (const { near, far } of this.#pairs) {
      near.destroy();
      far.destroy();
    }
  }

  /** Nothing that the agent sends arrives any more, and nobody notices. */
  stall(): void {
    for (const pair of this.#pairs) pair.kept ??= [];
  }

  /** What was kept arrives now. */
  flow(): void {
    for (const pair of this.#pairs) deliver(pair);
  }

  /**
   * The agent notices, and comes back; the controller does not. @returns how to let what was on its way arrive,
   * however late, from an agent that is not there any more; it resolves when the controller has dealt with it
   */
  loseNearEnds(): () => Promise<void> {
    const lost = [...this.#pairs];
    for (const pair of lost) {
      pair.kept ??= [];
      pair.near.destroy();
    }
    return async () => {
      const ended = lost.filter(({ far }) => !far.destroyed).map(({ far }) => once(far, 'close'));
      for (const pair of lost) {
        deliver(pair);
        pair.far.end();
      }
      await Promise.all(ended);
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.cut();
    this.#server.close();
    await once(this.#server, 'close');
  }

  #join(near: Socket): void {
    const far = connect(this.#target, '127.0.0.1');
    const pair: Pair = { near, far, kept: undefined };
    this.#pairs.add(pair);
    near.on('data', (data) => {
      if (pair.kept) pair.kept.push(data);
      else far.write(data);
    });
    far.on('data', (data) => near.write(data));
    near.on('close', () => {
      if (!pair.kept) far.destroy();
    });
    far.on('close', () => {
      near.destroy();
      this.#pairs.delete(pair);
    });
    // Each end learns it by the other's close.
    near.on('error', () => undefined);
    far.on('error', () => undefined);
  }
}

function deliver(pair: Pair): void {
  const kept = pair.kept ?? [];
  pair.kept = undefined;
  for (const data of kept) if (!pair.far.destroyed) pair.far.write(data);
}
