import type { Channel, NotificationMessage } from '@tacet/protocol';
import type { Outgoing } from '../../store/notification-outbox.ts';
import { sendEmail } from './email.ts';
import { sendGotify } from './gotify.ts';
import { sendNtfy } from './ntfy.ts';
import { sendPing } from './ping.ts';
import type { Carrier } from './post.ts';
import type { Secrets } from './secrets.ts';
import { Undelivered } from './undelivered.ts';
import { sendWebhook } from './webhook.ts';

/** One attempt. @returns what the other side said. @throws Undelivered; the signal's reason where that aborts */
export async function send(
  channel: Channel,
  secrets: Secrets,
  outgoing: Outgoing,
  carrier: Carrier,
): Promise<string> {
  if (outgoing.what === 'message') return await sendMessage(channel, secrets, outgoing.message, carrier);
  if (channel.kind === 'ping') return await sendPing(channel, secrets, outgoing.message, carrier);
  throw new Undelivered(`a channel of the kind ${channel.kind} sends no pings`, { refused: true });
}

/** @throws as `send` */
export async function sendMessage(
  channel: Channel,
  secrets: Secrets,
  message: NotificationMessage,
  carrier: Carrier,
): Promise<string> {
  switch (channel.kind) {
    case 'webhook':
      return await sendWebhook(channel, secrets, message, carrier);
    case 'ntfy':
      return await sendNtfy(channel, secrets, message, carrier);
    case 'gotify':
      return await sendGotify(channel, secrets, message, carrier);
    case 'email':
      return await sendEmail(channel, secrets, message, carrier);
    case 'ping':
      // Only a test: it must not say of a check that all is good.
      return await sendPing(channel, secrets, { good: undefined, text: message.text }, carrier);
  }
}
