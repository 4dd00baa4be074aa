import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import {
  agreeOn,
  type ControllerFrame,
  protocolMismatch,
  protocolsHeader,
  readProtocols,
  type RequestMethod,
  type RequestParams,
  type RequestResult,
  supportedProtocolVersions,
} from '@tacet/protocol';
import { type Clock, deferred, ExclusiveRunner, type Logger, runWithin } from '@tacet/runtime';
import { type RawData, type WebSocket, WebSocketServer } from 'ws';
import type { EventLog } from '../event-log.ts';
import { Failure, toWireError } from '../failure.ts';
import type { AgentPort } from '../jobs/ports.ts';
import type { Store } from '../store/open-store.ts';
import { Admission, type Hello } from './admission.ts';
import {
  AgentSession,
  type AgentNews,
  closeCodes,
  parseAgentFrame,
  type RequestOptions,
  type SessionLimits,
} from './agent-session.ts';
import { Copies } from './copies.ts';
import { type LiveGuest, Roster } from './roster.ts';
import { SaySo } from './say-so.ts';

export const sessionPath = '/agent/v1/session';

/** Far above any picture of a guest, far below what could hurt. */
const MAX_FRAME_BYTES = 1024 * 1024;
const HELLO_DEADLINE_MS = 10_000;

export interface GatewayOptions {
  readonly store: Store;
  readonly events: EventLog;
  readonly clock: Clock;
  readonly log: Logger;
  readonly limits: SessionLimits & { readonly maxSessions: number };
  /** A guest has just opened a session; called after its welcome. */
  readonly onArrival: (guest: LiveGuest) => void;
}

/** Where agents dial in. Owns their sessions; whoever wants something of a guest asks here. */
export class Gateway implements AgentPort, AsyncDisposable {
  readonly roster = new Roster();
  readonly copies: Copies;
  readonly #saySo: SaySo;
  readonly #options: GatewayOptions;
  readonly #admission: Admission;
  readonly #admissions = new ExclusiveRunner();
  readonly #server = new WebSocketServer({
    noServer: true,
    maxPayload: MAX_FRAME_BYTES,
    perMessageDeflate: false,
    handleProtocols: (offered) => agreeOn([...offered]) ?? false,
  });

  constructor(options: GatewayOptions) {
    this.#options = options;
    this.#saySo = new SaySo(options);
    const isConnected = (guestId: string): boolean => this.roster.get(guestId)?.session != null;
    this.#admission = new Admission({ ...options, saySo: this.#saySo, isConnected });
    const { roster } = this;
    const exclusively = <T>(work: () => Promise<T>): Promise<T> => this.#admissions.run('hello', work);
    this.copies = new Copies({ ...options, roster, exclusively });
  }

  /** For the HTTPS server's `upgrade` event. */
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    socket.on('error', (error) => this.#options.log.debug('upgrade socket failed', { error }));
    if (request.url !== sessionPath) return refuseUpgrade(socket, '404 Not Found', 'no such path');
    const offered = readProtocols(request.headers['sec-websocket-protocol']);
    if (agreeOn(offered) === undefined) {
      const { message, hint } = protocolMismatch({ agent: offered });
      const { remoteAddress: address } = request.socket;
      this.#options.log.warn('an agent was turned away', { address, problem: message, hint });
      return refuseUpgrade(socket, '400 Bad Request', `${message}. ${hint}`);
    }
    if (this.#server.clients.size >= this.#options.limits.maxSessions) {
      return refuseUpgrade(socket, '503 Service Unavailable', 'too many sessions');
    }
    this.#server.handleUpgrade(request, socket, head, (accepted) => void this.#greet(accepted));
  }

  presence(vmid: number): 'connected' | 'not-connected' | 'quarantined' {
    if (this.roster.enrolled(vmid)?.session != null) return 'connected';
    const copies = this.roster.all().filter((guest) => guest.vmid === vmid && guest.session !== null);
    return copies.length === 0 ? 'not-connected' : 'quarantined';
  }

  async request<M extends RequestMethod>(
    vmid: number,
    method: M,
    params: RequestParams<M>,
    options: RequestOptions,
  ): Promise<RequestResult<M>> {
    const session = this.roster.enrolled(vmid)?.session;
    if (session == null) {
      throw new Failure('guest-not-connected', `no agent of guest ${vmid} is connected`, { retryable: true });
    }
    return await session.request(method, params, options);
  }

  picture(vmid: number): LiveGuest | undefined {
    return this.roster.enrolled(vmid);
  }

  async nextChange(signal: AbortSignal): Promise<void> {
    await this.roster.nextChange(signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { session } of this.roster.all()) {
      session?.close(closeCodes.goingAway, 'the controller is stopping');
    }
    await this.#admissions.close();
    for (const socket of this.#server.clients) socket.terminate();
    this.#server.close();
  }

  async #greet(socket: WebSocket): Promise<void> {
    const { log } = this.#options;
    try {
      const hello = await this.#hello(socket);
      await this.#admissions.run('hello', () => this.#welcome(socket, hello));
    } catch (error) {
      log.warn('an agent was turned away', { error });
      const wire = toWireError(error);
      // What went wrong on this side is no verdict about the guest: it shall come again.
      const refused: ControllerFrame = {
        kind: 'refused',
        error: { ...wire, retryable: wire.retryable || wire.code === 'internal' },
      };
      if (socket.readyState === socket.OPEN) socket.send(JSON.stringify(refused));
      socket.resume();
      socket.close(closeCodes.policy, 'refused'); // ws cuts it off if the agent does not answer
    }
  }

  /** The first frame must be it. */
  async #hello(socket: WebSocket): Promise<Hello> {
    const first = deferred<Hello>();
    const onMessage = (data: RawData, isBinary: boolean): void => {
      const frame = parseAgentFrame(data, isBinary);
      if (frame instanceof Error) {
        first.reject(
          new Failure('invalid-input', 'the first frame is none of this protocol', { cause: frame }),
        );
      } else if (frame.kind === 'hello') {
        first.resolve(frame);
      } else {
        first.reject(new Failure('invalid-input', `expected hello, got ${frame.kind}`));
      }
    };
    const onGone = (): void => {
      first.reject(new Failure('guest-not-connected', 'the connection closed before its hello'));
    };
    socket.on('message', onMessage);
    socket.on('close', onGone);
    socket.on('error', onGone);
    try {
      const { clock } = this.#options;
      return await runWithin(undefined, HELLO_DEADLINE_MS, 'the hello', () => first.promise, { clock });
    } finally {
      // What comes next is for the session, which does not exist before the guest is admitted.
      socket.pause();
      socket.off('message', onMessage);
      socket.off('close', onGone);
    }
  }

  async #welcome(socket: WebSocket, hello: Hello): Promise<void> {
    const { clock, events, limits } = this.#options;
    const admitted = await this.#admission.admit(hello);
    if (socket.readyState !== socket.OPEN) return; // it left meanwhile, and will come back
    const { guestId, vmid, welcome, holder } = admitted;
    const subject = { guestId, vmid };
    const label = `guest ${vmid ?? guestId}`;
    const log = this.#options.log.child({ vmid });
    const session = new AgentSession({
      id: randomUUID(),
      label,
      socket,
      limits,
      clock,
      log,
      onNews: (news) => this.#hear(session, holder, subject, news),
    });
    socket.resume();
    session.send({
      kind: 'welcome',
      sessionId: session.id,
      identity: welcome,
      heartbeatMs: limits.heartbeatMs,
      ttlMs: limits.ttlMs,
      serverTime: clock.now(),
    });
    const guest = {
      guestId,
      vmid,
      identity: welcome.kind === 'quarantined' ? ('quarantined' as const) : ('enrolled' as const),
      agentVersion: hello.agentVersion,
      incarnation: hello.incarnation,
      status: hello.status,
      session,
      lastSeenAt: clock.now(),
    };
    for (const displaced of admitted.displaced) this.roster.forget(displaced);
    this.roster.enter(guest);
    session.ended.addEventListener('abort', () => void this.#leave(session, holder, guestId), {
      once: true,
    });
    const { bootId, agentVersion } = hello;
    await this.#saySo.record(holder, 0, subject, () =>
      events.record('session.opened', `the agent of ${label} is connected`, subject, {
        bootId,
        agentVersion,
      }),
    );
    this.#options.onArrival(guest);
  }

  async #hear(
    session: AgentSession,
    holder: string,
    subject: { guestId: string; vmid: number | null },
    news: AgentNews,
  ): Promise<void> {
    const { clock, events } = this.#options;
    if (news.kind === 'status') {
      this.roster.update(session, subject.guestId, { status: news.status, lastSeenAt: clock.now() });
    } else if (!ownWords.test(news.event.type)) {
      const bytes = Buffer.byteLength(JSON.stringify(news.event));
      await this.#saySo.record(holder, bytes, subject, () => events.append(news.event, subject));
    }
  }

  async #leave(session: AgentSession, holder: string, guestId: string): Promise<void> {
    const { clock, events, log, store } = this.#options;
    const now = clock.now();
    if (!this.roster.leave(session, guestId, now)) return;
    const guest = this.roster.get(guestId);
    if (guest === undefined) return;
    const { vmid, agentVersion, incarnation, status } = guest;
    const reason: unknown = session.ended.reason;
    const why = reason instanceof Error ? reason.message : 'the session ended';
    const subject = { guestId, vmid };
    await this.#saySo.record(holder, 0, subject, () => events.record('session.closed', why, subject));
    try {
      await store.guests.saw(guestId, { agentVersion, incarnation, status, at: now });
    } catch (error) {
      log.error("a guest's last picture could not be stored", { guestId, error });
    }
  }
}

/** Sessions, identities and operations are the controller's to tell; an agent's view of them is left out. */
const ownWords = /^(?:session|guest|operation)\./;

/** An upgraded connection is nobody's: left half open by its other end it would stay, and keep a stop waiting. */
function refuseUpgrade(socket: Duplex, status: string, text: string): void {
  socket.once('finish', () => socket.destroy());
  socket.end(
    `HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Type: text/plain\r\n${protocolsHeader}: ${supportedProtocolVersions.join(', ')}\r\nContent-Length: ${Buffer.byteLength(text)}\r\n\r\n${text}`,
  );
}
