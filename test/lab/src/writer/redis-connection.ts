import { connect, type Socket } from 'node:net';

/**
 * As much of RESP2 as the writer needs: one command at a time, answers that are a status, a number or an
 * error. A library would reconnect and replay by itself; here a write must be sent once, or not be counted.
 */
export class RedisConnection {
  readonly #socket: Socket;
  #received = '';
  #waiting: { resolve: (reply: string) => void; reject: (error: Error) => void } | undefined;
  #failure: Error | undefined;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.setNoDelay(true);
    socket.on('data', (chunk: Buffer) => this.#receive(chunk.toString('latin1')));
    socket.on('error', (error) => this.#fail(error));
    socket.on('close', () => this.#fail(new Error('redis closed the connection')));
  }

  static async open(url: URL): Promise<RedisConnection> {
    const socket = connect({ host: url.hostname, port: Number(url.port || 6379) });
    await new Promise<void>((resolve, reject) => {
      socket.once('connect', resolve);
      socket.once('error', reject);
    });
    const connection = new RedisConnection(socket);
    if (url.password) await connection.command('AUTH', decodeURIComponent(url.password));
    return connection;
  }

  command(...parts: string[]): Promise<string> {
    if (this.#failure) return Promise.reject(this.#failure);
    const encoded = parts.map((part) => `$${Buffer.byteLength(part)}\r\n${part}\r\n`).join('');
    return new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject };
      this.#socket.write(`*${parts.length}\r\n${encoded}`);
    });
  }

  close(): void {
    this.#socket.destroy();
  }

  #receive(text: string): void {
    this.#received += text;
    const end = this.#received.indexOf('\r\n');
    if (end < 0) return;
    const reply = this.#received.slice(0, end);
    this.#received = this.#received.slice(end + 2);
    const waiting = this.#waiting;
    this.#waiting = undefined;
    if (reply.startsWith('+') || reply.startsWith(':')) waiting?.resolve(reply.slice(1));
    else waiting?.reject(new Error(`redis: ${reply}`));
  }

  #fail(error: Error): void {
    this.#failure ??= error;
    this.#waiting?.reject(this.#failure);
    this.#waiting = undefined;
  }
}
