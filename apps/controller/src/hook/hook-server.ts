import { once } from 'node:events';
import { chmod, lstat, unlink } from 'node:fs/promises';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { type Clock, describeError, type Logger, runWithin } from '@tacet/runtime';
import { Failure } from '../failure.ts';
import { HookCall, sayLine } from './hook-call.ts';
import { type HookRequest, parseHookRequest } from './hook-request.ts';

const REQUEST_DEADLINE_MS = 2_000;
const MAX_REQUEST_BYTES = 16 * 1024;
/** For what was written to reach the script. */
const GOODBYE_MS = 1_000;

interface HookServerOptions {
  /** Of the unix socket. Its directory must be there. */
  readonly path: string;
  readonly clock: Clock;
  readonly log: Logger;
  readonly handle: (call: HookCall) => Promise<void>;
}

/** Where the hook script of this node's vzdump calls. Disposing of it hangs up on whoever waits. */
export class HookServer implements AsyncDisposable {
  readonly #options: HookServerOptions;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  private constructor(options: HookServerOptions) {
    this.#options = options;
    this.#server = createServer((socket) => void this.#serve(socket));
    // Of a single connection, as when there are too many open files; the script then goes on without.
    this.#server.on('error', (error) => options.log.warn("the hook's socket failed", { error }));
  }

  /** @throws Failure `invalid-input` where the socket cannot be made, or another controller listens there. */
  static async listen(options: HookServerOptions): Promise<HookServer> {
    const { path } = options;
    const hook = new HookServer(options);
    try {
      await removeStale(path);
      hook.#server.listen(path);
      await once(hook.#server, 'listening');
      // The script runs as root. Whoever else may speak here could have a guest held.
      await chmod(path, 0o600);
    } catch (cause) {
      hook.#server.close();
      if (cause instanceof Failure) throw cause;
      throw new Failure('invalid-input', `the hook's socket ${path} cannot be made`, {
        hint: 'Its directory must be there, and belong to whom the controller runs as.',
        cause,
      });
    }
    return hook;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = once(this.#server, 'close');
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  async #serve(socket: Socket): Promise<void> {
    const { clock, log, handle } = this.#options;
    this.#sockets.add(socket);
    socket.on('close', () => this.#sockets.delete(socket));
    socket.on('error', (error) => log.debug('a connection of the hook script failed', { error }));
    try {
      const text = await runWithin(undefined, REQUEST_DEADLINE_MS, 'the request', () => read(socket), {
        clock,
      });
      using call = new HookCall(parse(text), socket);
      try {
        await handle(call);
      } catch (error) {
        call.say(`the controller failed: ${describeError(error)}`);
        throw error;
      }
      // Its last word, before the connection is closed under it.
      await call.conclude('trouble');
    } catch (error) {
      log.warn('a call of the hook script failed', { error });
      if (error instanceof UnknownRequest && socket.writable) {
        socket.write(`${sayLine(error.message)}\ntrouble\n`);
      }
    } finally {
      socket.end();
      setTimeout(() => socket.destroy(), GOODBYE_MS).unref();
    }
  }
}

/** Of a script that this controller does not understand. */
class UnknownRequest extends Error {}

/** Everything up to an empty line, or to where it is too much. */
function read(socket: Socket): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = '';
    const onData = (chunk: Buffer): void => {
      text += chunk.toString();
      if (!text.includes('\n\n') && text.length < MAX_REQUEST_BYTES) return;
      socket.off('data', onData);
      resolve(text);
    };
    socket.on('data', onData);
    socket.once('close', () => reject(new Error('it hung up before it had asked for anything')));
  });
}

function parse(text: string): HookRequest {
  try {
    return parseHookRequest(text);
  } catch (cause) {
    throw new UnknownRequest(
      'the controller does not understand this hook script; `tacet hook install` writes one that it does',
      { cause },
    );
  }
}

/** A controller that was killed leaves its socket behind. */
async function removeStale(path: string): Promise<void> {
  const probe = connect(path);
  try {
    await once(probe, 'connect');
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    if (code === 'ENOENT') return;
    // A file that is no socket refuses as well, and is somebody's.
    if (code !== 'ECONNREFUSED' || !(await lstat(path)).isSocket()) throw error;
    await unlink(path);
    return;
  } finally {
    probe.destroy();
  }
  throw new Failure('invalid-input', `another controller listens at ${path}`, {
    hint: 'Stop it, or give this one another hook.socket.',
  });
}
