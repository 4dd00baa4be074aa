import type { Channel, NotificationMessage } from '@tacet/protocol';
import { type Carrier, post } from './post.ts';
import { needed, type Secrets } from './secrets.ts';
import { urgencyOf } from './urgency.ts';

type Ntfy = Extract<Channel, { kind: 'ntfy' }>;

/** ntfy turns what is longer than 4096 bytes into an attachment. */
const MAX_BYTES = 4000;

/**
 * Published as JSON to the address of the server, not of the topic (docs.ntfy.sh/publish): headers hold Latin 1 alone,
 * and an address with the topic in it would end up in logs.
 *
 * @throws Undelivered
 */
export async function sendNtfy(
  { server, trust }: Ntfy,
  secrets: Secrets,
  message: NotificationMessage,
  carrier: Carrier,
): Promise<string> {
  const urgency = urgencyOf(message);
  const body = JSON.stringify({
    topic: needed(secrets, 'topic'),
    title: message.title,
    message: upTo(MAX_BYTES, message.text),
    priority: { high: 4, normal: 3, low: 2 }[urgency],
    tags: [{ high: 'rotating_light', normal: 'warning', low: 'white_check_mark' }[urgency]],
    ...(message.notices[0] !== undefined && { click: message.notices[0].link }),
  });
  const { token } = secrets;
  const headers = {
    'content-type': 'application/json',
    ...(token !== undefined && { authorization: `Bearer ${token}` }),
  };
  return await post({ url: new URL(server), headers, body, trust, secrets: Object.values(secrets) }, carrier);
}

function upTo(bytes: number, text: string): string {
  if (Buffer.byteLength(text) <= bytes) return text;
  // A character that is cut in half becomes another one.
  return `${Buffer.from(text)
    .subarray(0, bytes - 4)
    .toString('utf8')
    .replace(/\uFFFD+$/, '')}…`;
}
