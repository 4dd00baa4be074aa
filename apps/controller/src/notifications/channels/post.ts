import type { ChannelTrust } from '@tacet/protocol';
import { type Clock, runWithin } from '@tacet/runtime';
import { Agent, type Dispatcher } from 'undici';
import { retryAfterMs } from './retry-after.ts';
import { Undelivered } from './undelivered.ts';
import { channelConnector } from './channel-connector.ts';
import { withoutSecrets } from './without-secrets.ts';

/** For the whole of a message, connection and answer included. */
export const SEND_TIMEOUT_MS = 15_000;
const MAX_ANSWER_BYTES = 4096;

export interface Carrier {
  readonly clock: Clock;
  /** Of this controller. */
  readonly version: string;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

export interface Letter {
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  readonly trust: ChannelTrust | undefined;
  /** Nothing that goes out of here repeats them. */
  readonly secrets: readonly string[];
}

/**
 * Posts a letter over a connection of its own. Redirects are not followed: what is secret goes where it was meant to.
 *
 * @returns what the other side said, in a few words
 * @throws Undelivered for every answer but 2xx, and for none; the signal's reason where that aborts
 */
export async function post(letter: Letter, { clock, version, timeoutMs, signal }: Carrier): Promise<string> {
  const { url, headers, body, trust, secrets } = letter;
  const agent = new Agent({ connect: channelConnector(trust, timeoutMs), connections: 1, pipelining: 1 });
  try {
    return await runWithin(
      signal,
      timeoutMs,
      url.host,
      async (within) => {
        const response = await agent.request({
          origin: url.origin,
          path: `${url.pathname}${url.search}`,
          method: 'POST',
          headers: { 'user-agent': `Tacet/${version}`, ...headers },
          body,
          signal: within,
        });
        const said = withoutSecrets(await beginningOf(response), secrets);
        if (response.statusCode >= 200 && response.statusCode < 300) {
          return `${response.statusCode}${said === '' ? '' : ` ${said}`}`;
        }
        throw refusal(url.host, response, said, clock.now());
      },
      { clock },
    );
  } catch (error) {
    if (signal.aborted) throw signal.reason;
    if (error instanceof Undelivered) throw error;
    const cause = new Error(withoutSecrets(describe(error), secrets));
    throw new Undelivered(`${url.host} gave no answer`, { cause });
  } finally {
    await agent.destroy();
  }
}

async function beginningOf({ body }: Dispatcher.ResponseData): Promise<string> {
  const parts: Buffer[] = [];
  let bytes = 0;
  for await (const part of body) {
    const chunk = Buffer.from(part);
    parts.push(chunk);
    bytes += chunk.length;
    if (bytes >= MAX_ANSWER_BYTES) break; // which ends the connection
  }
  return Buffer.concat(parts).subarray(0, MAX_ANSWER_BYTES).toString('utf8');
}

/** To be tried again soon; everything else below 500 is refused until somebody changes something. */
const LATER = new Set([408, 425, 429]);

function refusal(host: string, response: Dispatcher.ResponseData, said: string, now: number): Undelivered {
  const { statusCode, headers } = response;
  if (statusCode >= 300 && statusCode < 400) {
    return new Undelivered(`${host} sends elsewhere (${statusCode}), which is not followed`, {
      refused: true,
      hint: 'Give the channel the address at which it ends.',
    });
  }
  return new Undelivered(`${host} answered ${statusCode}${said === '' ? '' : `: ${said}`}`, {
    refused: statusCode < 500 && !LATER.has(statusCode),
    retryAfterMs: retryAfterMs(headers['retry-after'], now),
  });
}

function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const code = 'code' in error && typeof error.code === 'string' ? ` (${error.code})` : '';
  return `${error.message}${code}`;
}
