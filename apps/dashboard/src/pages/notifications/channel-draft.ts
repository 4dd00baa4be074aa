import type { Channel, ChannelView, NotificationKind } from '@tacet/protocol';

/** What stands in the fields of a channel, as it is typed. */
export interface Draft {
  readonly name: string;
  readonly kind: Channel['kind'];
  readonly enabled: boolean;
  readonly server: string;
  readonly host: string;
  readonly port: string;
  readonly security: 'starttls' | 'tls' | 'none';
  readonly username: string;
  readonly from: string;
  readonly to: string;
  readonly vmids: string;
  /** All where it is empty. */
  readonly kinds: readonly NotificationKind[];
  /** By name; empty where nothing was typed. */
  readonly secrets: Readonly<Record<string, string>>;
}

const empty: Draft = {
  name: '',
  kind: 'ntfy',
  enabled: true,
  server: '',
  host: '',
  port: '587',
  security: 'starttls',
  username: '',
  from: '',
  to: '',
  vmids: '',
  kinds: [],
  secrets: {},
};

export function draftOf(view: ChannelView | undefined): Draft {
  if (view === undefined) return empty;
  const { name, channel } = view;
  const { kind, enabled } = channel;
  return {
    ...empty,
    name,
    kind,
    enabled,
    vmids: channel.vmids?.join(', ') ?? '',
    ...(channel.kind !== 'ping' && { kinds: channel.kinds ?? [] }),
    ...('server' in channel && { server: channel.server }),
    ...(channel.kind === 'email' && {
      host: channel.host,
      port: String(channel.port),
      security: channel.security,
      username: channel.username ?? '',
      from: channel.from,
      to: channel.to.join(', '),
    }),
  };
}

export interface SecretField {
  readonly name: string;
  readonly label: string;
  readonly hint: string;
  readonly isNeeded: boolean;
}

/** What a kind of channel keeps to itself. */
export const secretFields: Record<Channel['kind'], readonly SecretField[]> = {
  webhook: [
    { name: 'url', label: 'Address', hint: 'As https://example.org/hooks/…', isNeeded: true },
    {
      name: 'key',
      label: 'Key',
      hint: 'What messages are signed with; 16 characters and more.',
      isNeeded: false,
    },
  ],
  ntfy: [
    { name: 'topic', label: 'Topic', hint: 'Who knows it can read along.', isNeeded: true },
    { name: 'token', label: 'Access token', hint: 'Where the topic is protected.', isNeeded: false },
  ],
  gotify: [{ name: 'token', label: 'Token', hint: 'Of an application in Gotify.', isNeeded: true }],
  email: [{ name: 'password', label: 'Password', hint: 'Where the server asks for one.', isNeeded: false }],
  ping: [{ name: 'url', label: 'Address of the check', hint: 'As https://hc-ping.com/…', isNeeded: true }],
};

/**
 * What is sent; the controller says what is wrong with it. What has no field here stays as it was said elsewhere.
 *
 * @param vmids of `draft.vmids`, read
 */
export function bodyOf(draft: Draft, vmids: readonly number[], before: Channel | undefined): object {
  const { kind, enabled } = draft;
  const typed = Object.entries(draft.secrets).filter(
    ([name, secret]) => secret !== '' && secretFields[kind].some((field) => field.name === name),
  );
  return {
    ...before,
    kind,
    enabled,
    vmids: vmids.length === 0 ? undefined : vmids,
    ...(kind !== 'ping' && { kinds: draft.kinds.length === 0 ? undefined : draft.kinds }),
    ...((kind === 'ntfy' || kind === 'gotify') && { server: draft.server.trim() }),
    ...(kind === 'email' && {
      host: draft.host.trim(),
      port: Number(draft.port),
      security: draft.security,
      username: draft.username.trim() || undefined,
      from: draft.from.trim(),
      to: draft.to.split(/[\s,;]+/).filter(Boolean),
    }),
    secrets: Object.fromEntries(typed),
  };
}
