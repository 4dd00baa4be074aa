import type { Channel, ChannelView, NotificationKind } from '@tacet/protocol';

export const kindNames: Record<Channel['kind'], string> = {
  webhook: 'Webhook',
  ntfy: 'ntfy',
  gotify: 'Gotify',
  email: 'E-mail',
  ping: 'Ping of a check, as Healthchecks has them',
};

export const subjectNames: Record<NotificationKind, string> = {
  'verdict-below-policy': 'a backup worth less than it should be',
  'backup-overdue': 'a backup that is overdue',
  'guest-not-ready': 'a guest that is not ready',
  'copy-quarantined': 'a copy that nobody ordered',
  'drill-failed': 'a drill that failed',
  'hold-expired': 'a hold that expired',
  'operation-failed': 'a backup or a restore that failed',
};

/** Where it leads, and what it is told of. */
export function channelWords({ channel, destination }: ChannelView): string {
  const to = `${kindNames[channel.kind]}, to ${destination ?? 'nowhere yet'}`;
  const guests = channel.vmids === undefined ? 'all guests' : `guest ${channel.vmids.join(', ')}`;
  if (channel.kind === 'ping') return `${to}. Hears how every backup of ${guests} went.`;
  const subjects = channel.kinds?.map((kind) => subjectNames[kind]).join('; ') ?? 'everything';
  return `${to}. Told of ${subjects}, about ${guests}.`;
}
