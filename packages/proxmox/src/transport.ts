import { type Clock, systemClock, TacetError, withDeadline } from '@tacet/runtime';
import { type Dispatcher, Pool } from 'undici';
import * as z from 'zod';
import { ProxmoxError, UnexpectedAnswerError, UnreachableError } from './errors.ts';
import { type Answer, refusal } from './refusal.ts';
import { type Trust, trustSchema, verifiedConnector } from './trust.ts';

/** Longer than the 30 s after which a node gives up on another node, so that its own answer arrives. */
const DEFAULT_TIMEOUT_MS = 40_000;
const CONNECT_TIMEOUT_MS = 10_000;
/** Below the daemon's own 5 s: it must not close a connection just as the next request goes out. */
const KEEP_ALIVE_MS = 2_000;
const MAX_ANSWER_BYTES = 32 * 1024 * 1024;

const connectionSchema = z.object({
  url: z.url({ protocol: /^https$/ }),
  token: z.object({
    id: z.string().regex(/^[^\s@!=]+@[^\s@!=]+![^\s@!=]+$/, 'a token id looks like user@realm!name'),
    secret: z.string().regex(/^[\w-]+$/, 'not a token secret'),
  }),
  trust: trustSchema,
  timeoutMs: z.number().positive().default(DEFAULT_TIMEOUT_MS),
});

export interface ConnectionOptions {
  /** `https://pve1.example:8006` */
  readonly url: string;
  readonly token: { readonly id: string; readonly secret: string };
  readonly trust: Trust;
  /** For each request, its connection included. Default 40 s. */
  readonly timeoutMs?: number;
  readonly clock?: Clock;
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
}

export interface Transport {
  /**
   * @throws ProxmoxError for every refusal and failure, with `mayHaveStarted` where a change may have begun;
   *   the signal's reason when the caller aborts.
   */
  call<Schema extends z.ZodType>(call: Call<Schema>): Promise<z.output<Schema>>;
  close(): Promise<void>;
}

export function openTransport(options: ConnectionOptions): Transport {
  const { url, token, trust, timeoutMs } = parseConnection(options);
  const clock = options.clock ?? systemClock;
  const pool = new Pool(new URL(url).origin, {
    connections: 8,
    connect: verifiedConnector(trust, Math.min(timeoutMs, CONNECT_TIMEOUT_MS)),
    keepAliveTimeout: KEEP_ALIVE_MS,
    maxResponseSize: MAX_ANSWER_BYTES,
  });
  const authorization = `PVEAPIToken=${token.id}=${token.secret}`;
  const scrub = (text: string): string => text.replaceAll(token.secret, '[redacted]');

  async function exchange(call: Call<z.ZodType>, asked: string): Promise<Answer> {
    const changes = call.method !== 'GET';
    const limitMs = call.timeoutMs ?? timeoutMs;
    using deadline = withDeadline(call.signal, limitMs, asked, clock);
    const request = toRequest(call, authorization, deadline.signal);
    try {
      const response = await pool.request(request);
      const body = scrub(await response.body.text());
      return { asked, changes, status: response.statusCode, reason: scrub(response.statusText), body };
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
      if (answer.status !== 200) throw refusal(answer);
      const parsed = parseData(answer.body, call.answer);
      if (parsed.success) return parsed.data;
      throw new UnexpectedAnswerError(`${asked}: not the answer of a Proxmox VE 9 node`, {
        cause: parsed.error,
        mayHaveStarted: answer.changes,
      });
    },
    close: () => pool.close(),
  };
}

function parseConnection(options: ConnectionOptions): z.output<typeof connectionSchema> {
  const parsed = connectionSchema.safeParse(options);
  if (parsed.success) return parsed.data;
  // Only where and what: the value itself may be the secret.
  const issues = parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`);
  throw new TacetError(`not a usable connection: ${issues.join('; ')}`, { code: 'pve-bad-connection' });
}

function toRequest(
  call: Call<z.ZodType>,
  authorization: string,
  signal: AbortSignal,
): Dispatcher.RequestOptions {
  const segments = call.path.map((segment) => escapeSegment(String(segment)));
  const path = `/api2/json/${segments.join('/')}`;
  const params = encodeParams(call.params ?? {});
  const request = { method: call.method, headers: { authorization, accept: 'application/json' }, signal };
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
