import type { Channel } from '@tacet/protocol';
import type { Ping } from '../../store/notification-outbox.ts';
import { type Carrier, post } from './post.ts';
import { needed, type Secrets } from './secrets.ts';

type PingChannel = Extract<Channel, { kind: 'ping' }>;

/** Healthchecks keeps the first 10 kB of what is said. */
const MAX_TEXT = 8000;

/**
 * The check's own address where all is good, `/fail` behind it where not, `/log` for what says neither
 * (healthchecks.io/docs/http_api).
 *
 * @throws Undelivered
 */
export async function sendPing(
  { trust }: PingChannel,
  secrets: Secrets,
  { good, text }: Pick<Ping, 'text'> & { readonly good: boolean | undefined },
  carrier: Carrier,
): Promise<string> {
  const url = new URL(needed(secrets, 'url'));
  const suffix = good === undefined ? '/log' : good ? '' : '/fail';
  url.pathname = `${url.pathname.replace(/\/+$/, '')}${suffix}`;
  const headers = { 'content-type': 'text/plain; charset=utf-8' };
  const body = text.slice(0, MAX_TEXT);
  return await post({ url, headers, body, trust, secrets: Object.values(secrets) }, carrier);
}
