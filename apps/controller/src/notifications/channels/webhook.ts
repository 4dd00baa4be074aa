import { createHmac } from 'node:crypto';
import type { Channel, NotificationMessage } from '@tacet/protocol';
import { type Carrier, post } from './post.ts';
import { needed, type Secrets } from './secrets.ts';

type Webhook = Extract<Channel, { kind: 'webhook' }>;

/**
 * The message as JSON. Where there is a key, `X-Tacet-Signature` is `sha256=` and the HMAC-SHA256, in hex, of
 * `X-Tacet-Timestamp` (seconds since 1970), a dot, and the body's bytes.
 *
 * @throws Undelivered
 */
export async function sendWebhook(
  { trust }: Webhook,
  secrets: Secrets,
  message: NotificationMessage,
  carrier: Carrier,
): Promise<string> {
  const body = JSON.stringify(message);
  const timestamp = String(Math.floor(carrier.clock.now() / 1000));
  const key = secrets['key'];
  const headers = {
    'content-type': 'application/json',
    'x-tacet-delivery': message.id,
    'x-tacet-timestamp': timestamp,
    ...(key !== undefined && { 'x-tacet-signature': signatureOf(key, timestamp, body) }),
  };
  const url = new URL(needed(secrets, 'url'));
  return await post({ url, headers, body, trust, secrets: Object.values(secrets) }, carrier);
}

export function signatureOf(key: string, timestamp: string, body: string): string {
  return `sha256=${createHmac('sha256', key).update(`${timestamp}.${body}`).digest('hex')}`;
}
