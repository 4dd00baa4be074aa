import { type Clock, systemClock, withDeadline } from '@tacet/runtime';
import { type Dispatcher, Pool } from 'undici';
import * as z from 'zod';
import { badConnection } from './bad-connection.ts';
import type { Credentials, Token } from './credentials.ts';
import { ProxmoxError, UnexpectedAnswerError, UnreachableError } from './errors.ts';
import { type Answer, refusal } from './refusal.ts';
import { nodeConnector, type Trust, trustSchema } from './trust.ts';

/** Longer than the 30 s after which a node gives up on another node, so that its own answer arrives. */
const DEFAULT_TIMEOUT_MS = 40_000;
const CONNECT_TIMEOUT_MS = 10_000;
/** Below the daemon's own 5 s: it must not close a connection just as the next request goes out. */
const KEEP_ALIVE_MS = 2_000;
const MAX_ANSWER_BYTES = 32 * 1024 * 1024;

const endpointSchema = z.object({
  url: z.url({ protocol: /^https$/ }),
  trust: trustSchema,
  timeoutMs: z.number().positive().default(DEFAULT_TIMEOUT_MS),
});

export interface EndpointOptions {
  /** `https://pve1.example:8006` */
  readonly url: string;
  readonly trust: Trust;
  /** For each request, its connection included. Default 40 s. */
  readonly timeoutMs?: number;
  readonly clock?: Clock;
}

export interface ConnectionOptions extends EndpointOptions {
  readonly token: Token;
}

export interface CallOptions {
  readonly signal?: AbortSignal | undefined;
  /** Instead of the connection's. */
  readonly timeoutMs?: number | undefined;
}

/** Leaves out what is undefined; booleans travel as 1 and 0. */
export type Params = Readonly<Record<string, string | number | boolean | undefined>>;

export interface Call<Schema extends z.ZodType> extends CallOptions {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  /** Below `/api2/json`, unescaped. */
  readonly path: readonly (string | number)[];
  readonly params?: Params;
  /** Of the answer's `data`. */
  readonly answer: Schema;
  /** The answer holds a new secret, or may repeat what was typed: nothing of it goes into an error. */
  readonly confidential?: boolean;
  /**
   * Told what the node's own clock showed when it answered, in whole seconds as epoch milliseconds: the `Date` that
   * PVE::APIServer::AnyEvent writes into every answer, refusals included.
   */
  readonly onDate?: (nodeMs: number) => void;
}

export interface Transport {
  /**
   * @throws ProxmoxError for every refusal and failure, with `mayHaveStarted` where a change may have begun;
   *   the signal's reason when the caller aborts.
   */
  call<Schema extends z.ZodType>(call: Call<Schema>): Promise<z.output<Schema>>;
  close(): Promise<void>;
}

/** @throws TacetError `pve-bad-connection` */
export function openTransport(options: EndpointOptions, credentials: Credentials): Transport {
  const parsed = endpointSchema.safeParse(options);
  if (!parsed.success) throw badConnection(parsed.error);
  const { url, trust, timeoutMs } = parsed.data;
  const clock = options.clock ?? systemClock;
  const pool = new Pool(new URL(url).origin, {
    connections: 8,
    connect: nodeConnector(trust, Math.min(timeoutMs, CONNECT_TIMEOUT_MS)),
    keepAliveTimeout: KEEP_ALIVE_MS,
    maxResponseSize: MAX_ANSWER_BYTES,
  });

  async function exchange(call: Call<z.ZodType>, asked: string): Promise<Answer> {
    const changes = call.method !== 'GET';
    const limitMs = call.timeoutMs ?? timeoutMs;
    using deadline = withDeadline(call.signal, limitMs, asked, clock);
    const request = toRequest(call, credentials.headersOf({ changes }), deadline.signal);
    try {
      const response = await pool.request(request);
      const nodeMs = Date.parse(String(response.headers['date'] ?? ''));
      if (!Number.isNaN(nodeMs)) call.onDate?.(nodeMs);
      const body = without(credentials.secrets, await response.body.text());
      const reason = without(credentials.secrets, response.statusText);
      return { asked, changes, status: response.statusCode, reason, body };
    } catch (error) {
      if (call.signal?.aborted === true) throw call.signal.reason;
      if (error instanceof ProxmoxError) throw error; // from the connector: nothing was sent
      throw new UnreachableError(`${asked}: no answer`, { cause: error, mayHaveStarted: changes });
    }
  }

  return {
    async call(call) {
      const asked = `${call.method} /${call.path.join('/')}`;
      const answer = await exchange(call, asked);
      if (answer.status !== 200) {
        const { reason, body } = answer;
        const { typed } = credentials;
        throw refusal({ ...answer, reason: without(typed, reason), body: without(typed, body) });
      }
      const parsed = parseData(answer.body, call.answer);
      if (parsed.success) return parsed.data;
      throw new UnexpectedAnswerError(`${asked}: not the answer of a Proxmox VE 9 node`, {
        // JSON.parse quotes what it could not read.
        cause: call.confidential === true ? undefined : parsed.error,
        mayHaveStarted: answer.changes,
      });
    },
    close: () => pool.close(),
  };
}

function without(secrets: readonly string[], text: string): string {
  const real = secrets.filter((secret) => secret !== '');
  return real.reduce((rest, secret) => rest.replaceAll(secret, '[redacted]'), text);
}

function toRequest(
  call: Call<z.ZodType>,
  credentials: Readonly<Record<string, string>>,
  signal: AbortSignal,
): Dispatcher.RequestOptions {
  const segments = call.path.map((segment) => escapeSegment(String(segment)));
  const path = `/api2/json/${segments.join('/')}`;
  const params = encodeParams(call.params ?? {});
  const request = { method: call.method, headers: { ...credentials, accept: 'application/json' }, signal };
  if (call.method === 'GET' || call.method === 'DELETE') {
    return { ...request, path: params === '' ? path : `${path}?${params}` };
  }
  const headers = { ...request.headers, 'content-type': 'application/x-www-form-urlencoded' };
  return { ...request, headers, path, body: params };
}

function escapeSegment(segment: string): string {
  if (/^\.{0,2}$/.test(segment)) throw new RangeError(`not a name in a path: '${segment}'`);
  return encodeURIComponent(segment);
}

function encodeParams(params: Params): string {
  const encoded = new URLSearchParams();
  for (const [name, value] of Object.entries(params)) {
    if (value !== undefined) encoded.set(name, String(typeof value === 'boolean' ? Number(value) : value));
  }
  return encoded.toString();
}

function parseData<Schema extends z.ZodType>(
  body: string,
  schema: Schema,
): { success: true; data: z.output<Schema> } | { success: false; error: unknown } {
  try {
    const envelope = z.object({ data: z.unknown() }).parse(JSON.parse(body));
    return { success: true, data: schema.parse(envelope.data) };
  } catch (error) {
    return { success: false, error };
  }
}
