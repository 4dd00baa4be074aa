import { once } from 'node:events';
import { TLSSocket } from 'node:tls';
import {
  type AgentFrame,
  type Condition,
  type ControllerFrame,
  controllerFrameSchema,
  type GuestStatus,
  type Incarnation,
  protocolVersion,
  type RequestMethod,
} from '@tacet/protocol';
import { describeError, TacetError } from '@tacet/runtime';
import { WebSocket } from 'ws';
import { Failure, toWireError } from '../failure.ts';
import { sessionPath } from '../gateway/gateway.ts';

export interface FakeAgentOptions {
  readonly url: string;
  readonly fingerprint: string;
  readonly credential: string;
  readonly incarnation: Incarnation;
  readonly status?: GuestStatus;
  /** `0.0.0` unless given: older than any controller. */
  readonly agentVersion?: string;
  /** What no agent says in its hello; it goes over what one says. */
  readonly alsoInHello?: Readonly<Record<string, unknown>>;
  readonly answer?: (method: RequestMethod, params: unknown) => Promise<unknown>;
}

/** An agent's side of a session over a real socket, with whatever behaviour behind it. */
export class FakeAgent implements AsyncDisposable {
  readonly received: ControllerFrame[] = [];
  readonly #socket: WebSocket;
  readonly #options: FakeAgentOptions;
  readonly #waiting = new Set<() => void>();

  private constructor(socket: WebSocket, options: FakeAgentOptions) {
    this.#socket = socket;
    this.#options = options;
    socket.on('message', (data) => void this.#receive(data));
    socket.on('close', () => this.#wake());
  }

  /** Dials, checks the pin, says hello. */
  static async connect(options: FakeAgentOptions): Promise<FakeAgent> {
    const url = options.url.replace('https:', 'wss:') + sessionPath;
    const socket = new WebSocket(url, [protocolVersion], { rejectUnauthorized: false });
    socket.on('upgrade', ({ socket: raw }) => {
      const shown = raw instanceof TLSSocket ? raw.getPeerX509Certificate()?.fingerprint256 : 'none';
      if (shown !== options.fingerprint) socket.terminate();
    });
    await once(socket, 'open');
    const agent = new FakeAgent(socket, options);
    const { credential, incarnation, agentVersion = '0.0.0' } = options;
    const status = options.status ?? fakeStatus();
    const hello = { kind: 'hello', agentVersion, bootId: 'boot', credential, incarnation, status };
    agent.sendRaw(JSON.stringify({ ...hello, ...options.alsoInHello }));
    return agent;
  }

  get isOpen(): boolean {
    return this.#socket.readyState === WebSocket.OPEN;
  }

  send(frame: AgentFrame): void {
    this.sendRaw(JSON.stringify(frame));
  }

  sendRaw(text: string | Buffer): void {
    this.#socket.send(text);
  }

  /** The first frame of a kind, now or as soon as it comes. Rejects when the connection closes first. */
  async next<Kind extends ControllerFrame['kind']>(
    kind: Kind,
  ): Promise<Extract<ControllerFrame, { kind: Kind }>> {
    for (;;) {
      const found = this.received.find(isOfKind(kind));
      if (found !== undefined) return found;
      if (!this.isOpen) throw new Error(`the connection closed before a ${kind} came`);
      await new Promise<void>((resolve) => this.#waiting.add(resolve));
    }
  }

  /** Resolves with the code and reason of the end. */
  async closed(): Promise<{ code: number; reason: string }> {
    return await new Promise((resolve) => {
      this.#socket.once('close', (code, reason) => resolve({ code, reason: reason.toString() }));
    });
  }

  /** Cuts the line without a goodbye. */
  cut(): void {
    this.#socket.terminate();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#socket.readyState === WebSocket.CLOSED) return;
    const closed = once(this.#socket, 'close');
    this.#socket.terminate();
    await closed;
  }

  async #receive(data: WebSocket.RawData): Promise<void> {
    const frame = controllerFrameSchema.parse(JSON.parse(Buffer.isBuffer(data) ? data.toString() : ''));
    this.received.push(frame);
    this.#wake();
    if (frame.kind !== 'request' || this.#options.answer === undefined) return;
    try {
      const result = await this.#options.answer(frame.method, frame.params);
      if (this.isOpen) this.send({ kind: 'result', id: frame.id, result });
    } catch (error) {
      const failure = TacetError.is(error) ? error : new Failure('internal', describeError(error));
      if (this.isOpen) this.send({ kind: 'error', id: frame.id, error: toWireError(failure) });
    }
  }

  #wake(): void {
    for (const wake of this.#waiting) wake();
    this.#waiting.clear();
  }
}

function isOfKind<Kind extends ControllerFrame['kind']>(kind: Kind) {
  return (frame: ControllerFrame): frame is Extract<ControllerFrame, { kind: Kind }> => frame.kind === kind;
}

export function fakeIncarnation(vmid: number | null, mac = 'bc:24:11:00:00:01'): Incarnation {
  return { vmid, macs: [mac], machineId: 'machine', hostname: `ct${vmid ?? ''}` };
}

export function fakeStatus(
  ready: Condition['status'] = 'True',
  quiesceState: GuestStatus['quiesceState'] = 'idle',
): GuestStatus {
  const condition: Condition = {
    type: 'Ready',
    status: ready,
    reason: ready === 'True' ? 'AllConditionsTrue' : 'StacksStarting',
    message: ready === 'True' ? 'everything that should run runs' : 'StacksRunning: shop/web is exited',
    observedGeneration: 1,
    lastTransitionTime: 1,
  };
  return { quiesceState, generation: 1, conditions: [condition], services: [] };
}
