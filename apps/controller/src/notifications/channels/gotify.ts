import type { Channel, NotificationMessage } from '@tacet/protocol';
import { type Carrier, post } from './post.ts';
import { needed, type Secrets } from './secrets.ts';
import { urgencyOf } from './urgency.ts';

type Gotify = Extract<Channel, { kind: 'gotify' }>;

/** `POST /message` with the token of an application (gotify.net/api-docs). @throws Undelivered */
export async function sendGotify(
  { server, trust }: Gotify,
  secrets: Secrets,
  message: NotificationMessage,
  carrier: Carrier,
): Promise<string> {
  const url = new URL(server);
  url.pathname = `${url.pathname.replace(/\/+$/, '')}/message`;
  const [first] = message.notices;
  const body = JSON.stringify({
    title: message.title,
    message: message.text,
    // Its apps are silent below 4, and stay on the screen from 8 on.
    priority: { high: 8, normal: 5, low: 2 }[urgencyOf(message)],
    extras: {
      'client::display': { contentType: 'text/plain' },
      ...(first !== undefined && { 'client::notification': { click: { url: first.link } } }),
    },
  });
  const headers = { 'content-type': 'application/json', 'x-gotify-key': needed(secrets, 'token') };
  return await post({ url, headers, body, trust, secrets: Object.values(secrets) }, carrier);
}
