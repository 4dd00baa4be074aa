import type { IncomingMessage } from 'node:http';
import {
  type AgentFrame,
  agentFrameSchema,
  type ControllerFrame,
  protocolMismatch,
  protocolsHeader,
  readControllerFrame,
  readProtocols,
  supportedProtocolVersions,
} from '@tacet/protocol';
import { deferred, TacetError } from '@tacet/runtime';
import { type RawData, WebSocket } from 'ws';
import { connectPinned, type PinnedController } from './pinned-tls.ts';

export interface FrameListener {
  onFrame(frame: ControllerFrame): void;
  /** Something that is no frame of this protocol version; `received` is undefined when it is not even JSON. */
  onInvalid(problem: string, received: unknown): void;
}

/** One WebSocket that carries frames, each parsed by its schema on receipt and before it is sent. */
export interface Connection extends Disposable {
  /**
   * Silently dropped once the connection is closed: whoever sends learns it from `closed`.
   * @throws for a frame that the protocol does not allow, or that is longer than the controller takes
   */
  send(frame: AgentFrame): void;
  /** Handed over but not yet on the wire. */
  readonly backlogBytes: number;
  /** Why it ended. Never rejects. */
  readonly closed: Promise<string>;
}

/** For both ways: either side ends a session in which a longer one comes. */
const maxFrameBytes = 1024 * 1024;

/** @throws TacetError `node-unreachable`, `unauthorized` (another certificate), `unsupported-version`. */
export async function dial(
  controller: PinnedController,
  listener: FrameListener,
  signal: AbortSignal,
): Promise<Connection> {
  const tls = await connectPinned(controller, signal);
  const url = new URL('/agent/v1/session', controller.controllerUrl);
  url.protocol = 'wss:';
  const socket = new WebSocket(url, [...supportedProtocolVersions], {
    createConnection: () => tls,
    perMessageDeflate: false,
    maxPayload: maxFrameBytes,
  });
  const closed = deferred<string>();
  let failure: Error | undefined;
  socket.on('error', (error) => (failure ??= error));
  socket.on('unexpected-response', (_request, response) => {
    failure = refusal(response);
    socket.terminate();
  });
  socket.on('close', (code, reason) =>
    closed.resolve(
      failure?.message ??
        `closed by the controller (${code}${reason.length > 0 ? ` ${reason.toString()}` : ''})`,
    ),
  );
  socket.on('message', (data, isBinary) => receive(data, isBinary, listener));
  const onAbort = (): void => socket.terminate();
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    await opened(socket, closed.promise, controller);
  } catch (error) {
    throw failure instanceof TacetError ? failure : error;
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
  return {
    closed: closed.promise,
    get backlogBytes() {
      return socket.bufferedAmount;
    },
    send(frame) {
      const text = JSON.stringify(agentFrameSchema.parse(frame));
      if (Buffer.byteLength(text) > maxFrameBytes) {
        throw new TacetError(`a ${frame.kind} has more than ${maxFrameBytes} bytes`, { code: 'internal' });
      }
      if (socket.readyState === WebSocket.OPEN) socket.send(text);
    },
    [Symbol.dispose]: () => socket.terminate(),
  };
}

async function opened(
  socket: WebSocket,
  closed: Promise<string>,
  { controllerUrl }: PinnedController,
): Promise<void> {
  const open = new Promise<undefined>((resolve) => {
    socket.once('open', () => resolve(undefined));
  });
  const why = await Promise.race([open, closed]);
  if (why === undefined) return;
  throw new TacetError(`the controller at ${controllerUrl} did not open a session: ${why}`, {
    code: why.includes('subprotocol') ? 'unsupported-version' : 'node-unreachable',
    retryable: true,
  });
}

/** What a controller has answered instead of opening a session. */
function refusal({ statusCode, headers }: IncomingMessage): Error {
  const theirs = headers[protocolsHeader];
  if (typeof theirs !== 'string') return new Error(`Unexpected server response: ${statusCode}`);
  const controller = readProtocols(theirs);
  const { message, hint } = protocolMismatch({ controller });
  return new TacetError(`${message}. ${hint}`, { code: 'unsupported-version', hint });
}

function receive(data: RawData, isBinary: boolean, listener: FrameListener): void {
  if (isBinary || !Buffer.isBuffer(data)) {
    listener.onInvalid('a binary frame', undefined);
    return;
  }
  let received: unknown;
  try {
    received = JSON.parse(data.toString('utf8'));
  } catch {
    listener.onInvalid('not JSON', undefined);
    return;
  }
  const read = readControllerFrame(received);
  if (read.kind === 'frame') listener.onFrame(read.frame);
  else listener.onInvalid(read.kind === 'newer' ? `newer: ${read.what}` : read.problem, received);
}
