import { connect, createServer, type Socket } from 'node:net';

/**
 * What becomes of a call: `swallowed`, the controller never hears of it; `unanswered`, it does what it was asked,
 * and its answer is lost; `cut`, the connection breaks at once.
 */
export type WireFault = 'swallowed' | 'unanswered' | 'cut';

/** Stands between the hook script and the controller, to hang or to break. */
export class HookWire implements AsyncDisposable {
  /** Asked at every call. */
  fault: (phase: string) => WireFault | undefined = () => undefined;
  readonly #server = createServer((socket) => this.#join(socket));
  readonly #sockets = new Set<Socket>();
  readonly #controller: string;

  private constructor(controller: string) {
    this.#controller = controller;
  }

  static async open(path: string, controller: string): Promise<HookWire> {
    const wire = new HookWire(controller);
    await new Promise<void>((resolve) => {
      wire.#server.listen(path, resolve);
    });
    return wire;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => {
      this.#server.close(resolve);
    });
  }

  #join(script: Socket): void {
    let controller: Socket | undefined;
    this.#sockets.add(script);
    script.on('error', () => undefined); // whoever hangs up first
    script.on('close', () => {
      this.#sockets.delete(script);
      controller?.destroy();
    });
    script.on('data', (data) => {
      if (controller !== undefined) {
        controller.write(data);
        return;
      }
      const fault = this.fault(/^call=(\S+)/m.exec(data.toString())?.[1] ?? '');
      if (fault === 'cut') script.destroy();
      if (fault === 'cut' || fault === 'swallowed') return;
      controller = connect(this.#controller);
      controller.on('error', () => script.destroy());
      controller.on('close', () => script.end());
      controller.on('data', (answer) => {
        if (fault === undefined) script.write(answer);
      });
      controller.write(data);
    });
  }
}
