import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import { X509Certificate } from 'node:crypto';
import {
  type AgentFrame,
  agentFrameSchema,
  type ControllerFrame,
  controllerFrameSchema,
  protocolVersion,
} from '@tacet/protocol';
import { type Deferred, deferred } from '@tacet/runtime';
import { generate } from 'selfsigned';
import { type WebSocket, WebSocketServer } from 'ws';

type Kind = AgentFrame['kind'];
type FrameOf<K extends Kind> = Extract<AgentFrame, { kind: K }>;

/** The controller's end of one session, for tests: what arrives can be waited for, in any order. */
export class ControllerSession {
  readonly socket: WebSocket;
  readonly frames: AgentFrame[] = [];
  readonly #waiting = new Set<() => void>();

  constructor(socket: WebSocket) {
    this.socket = socket;
    socket.on('message', (data: Buffer) => {
      this.frames.push(agentFrameSchema.parse(JSON.parse(data.toString())));
      for (const check of this.#waiting) check();
    });
  }

  /** The first frame of that kind, seen already or still to come, that the test accepts. */
  async frame<K extends Kind>(
    kind: K,
    accepts: (frame: FrameOf<K>) => boolean = () => true,
  ): Promise<FrameOf<K>> {
    const isOfKind = (frame: AgentFrame): frame is FrameOf<K> => frame.kind === kind;
    const isIt = (frame: AgentFrame): frame is FrameOf<K> => isOfKind(frame) && accepts(frame);
    const found = deferred<FrameOf<K>>();
    const check = (): void => {
      const frame = this.frames.find(isIt);
      if (frame) found.resolve(frame);
    };
    this.#waiting.add(check);
    check();
    const frame = await found.promise;
    this.#waiting.delete(check);
    return frame;
  }

  send(frame: ControllerFrame): void {
    this.socket.send(JSON.stringify(controllerFrameSchema.parse(frame)));
  }

  async welcome(more: Partial<Extract<ControllerFrame, { kind: 'welcome' }>> = {}): Promise<void> {
    await this.frame('hello');
    this.send({
      kind: 'welcome',
      sessionId: 'session',
      identity: { kind: 'guest', vmid: 101 },
      heartbeatMs: 1_000,
      ttlMs: 5_000,
      serverTime: 0,
      ...more,
    });
  }
}

export interface FakeController extends AsyncDisposable {
  url: string;
  fingerprint: string;
  /** Connections, and the bytes that came over them once TLS stood. */
  readonly seen: { connections: number; receivedBytes: number };
  /** The next session that an agent opens, in order. */
  nextSession(): Promise<ControllerSession>;
  /** Headers of the 400 that whoever wants a session gets, as of a controller that speaks another version. */
  refusal: Readonly<Record<string, string>> | undefined;
  /** Answers plain requests; 404 unless set. */
  onRequest: (request: IncomingMessage, response: ServerResponse) => void;
}

/** A TLS server that speaks the controller's side of the protocol, with a certificate of its own. */
export async function fakeController(host = '127.0.0.1'): Promise<FakeController> {
  const { cert, private: key } = await generate([{ name: 'commonName', value: 'tacet' }], { keyType: 'ec' });
  const server = createServer({ cert, key });
  const sockets = new WebSocketServer({
    server,
    handleProtocols: () => protocolVersion,
    verifyClient: (_info, decide) => decide(controller.refusal === undefined, 400, '', controller.refusal),
  });
  const sessions: ControllerSession[] = [];
  const waiting: Deferred<ControllerSession>[] = [];
  sockets.on('connection', (socket) => {
    const session = new ControllerSession(socket);
    const next = waiting.shift();
    if (next) next.resolve(session);
    else sessions.push(session);
  });
  const seen = { connections: 0, receivedBytes: 0 };
  server.on('connection', () => (seen.connections += 1));
  server.on('secureConnection', (socket) => {
    socket.on('data', (data: Buffer) => (seen.receivedBytes += data.length));
    socket.on('error', () => undefined); // an agent that is cut off
  });
  server.listen(0, host);
  await once(server, 'listening');
  const address = server.address();
  const controller: FakeController = {
    url: `https://${host}:${typeof address === 'object' ? address?.port : ''}`,
    fingerprint: new X509Certificate(cert).fingerprint256,
    seen,
    refusal: undefined,
    onRequest: (_request, response) => void response.writeHead(404).end(),
    async nextSession() {
      const session = sessions.shift();
      if (session) return session;
      const next = deferred<ControllerSession>();
      waiting.push(next);
      return await next.promise;
    },
    async [Symbol.asyncDispose]() {
      for (const client of sockets.clients) client.terminate();
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
  server.on('request', (request, response) => controller.onRequest(request, response));
  return controller;
}
