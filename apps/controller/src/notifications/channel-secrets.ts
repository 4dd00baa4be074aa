import type { Channel, ChannelInput } from '@tacet/protocol';
import { Failure } from '../failure.ts';
import type { Secrets } from './channels/secrets.ts';

/** What a channel cannot do without. */
export function neededSecrets(channel: Channel | ChannelInput): string[] {
  switch (channel.kind) {
    case 'webhook':
    case 'ping':
      return ['url'];
    case 'ntfy':
      return ['topic'];
    case 'gotify':
      return ['token'];
    case 'email':
      return channel.username === undefined ? [] : ['password'];
  }
}

/** Where it leads, without what is secret. */
export function destinationOf(channel: Channel, secrets: Secrets | undefined): string | null {
  switch (channel.kind) {
    case 'webhook':
    case 'ping': {
      const url = secrets?.['url'];
      return url === undefined ? null : new URL(url).origin;
    }
    case 'ntfy':
    case 'gotify':
      return channel.server;
    case 'email':
      return `${channel.host}:${channel.port}`;
  }
}

/**
 * What a channel knows after a change: what was given, else what it knew. What it knew goes to nobody else: with another
 * kind or another server it has to be given again.
 *
 * @throws Failure `invalid-input` where something that it needs is missing
 */
export function mergedSecrets(
  name: string,
  input: ChannelInput,
  before: { readonly channel: Channel; readonly secrets: Secrets | undefined } | undefined,
): Secrets {
  const kept = before !== undefined && isSamePlace(input, before.channel) ? before.secrets : undefined;
  const merged = Object.fromEntries(
    Object.entries({ ...kept, ...defined(input.secrets) }).filter(
      (entry): entry is [string, string] => entry[1] !== null,
    ),
  );
  // A password without a name is nothing that anybody asks for.
  if (input.kind === 'email' && input.username === undefined) delete merged['password'];
  const missing = neededSecrets(input).filter((one) => merged[one] === undefined);
  if (missing.length === 0) return merged;
  throw new Failure('invalid-input', `the channel "${name}" lacks secrets.${missing.join(', secrets.')}`, {
    hint:
      before === undefined
        ? 'docs/guides/notifications.md shows what each kind needs.'
        : 'It is kept only while kind and server stay the same: give it again.',
  });
}

function defined(secrets: object): Record<string, string | null> {
  return Object.fromEntries(Object.entries(secrets).filter(([, value]) => value !== undefined));
}

function isSamePlace(input: ChannelInput, before: Channel): boolean {
  switch (input.kind) {
    case 'webhook':
    case 'ping':
      return before.kind === input.kind; // its place is one of its secrets
    case 'ntfy':
    case 'gotify':
      return before.kind === input.kind && before.server === input.server;
    case 'email':
      return (
        before.kind === 'email' &&
        before.host === input.host &&
        before.port === input.port &&
        before.username === input.username
      );
  }
}
