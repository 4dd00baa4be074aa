import type { Channel, ChannelView, Delivery } from '@tacet/protocol';
import { dateTimeOf, durationOf } from './moment.ts';
import { plural, table } from './table.ts';

export function channelTable(channels: readonly ChannelView[]): string[] {
  if (channels.length === 0) {
    return ['Nobody is told of anything yet. Make a channel: tacet notifications set NAME --file FILE'];
  }
  const rows = channels.map((view) => [
    view.name,
    view.channel.kind,
    view.destination ?? '-',
    view.channel.enabled ? String(view.waiting) : 'disabled',
    view.lastDelivery === null ? 'nothing was sent yet' : stateOf(view.lastDelivery),
  ]);
  return table(['name', 'kind', 'to', 'waiting', 'last'], rows);
}

export function channelLines(view: ChannelView): string[] {
  const { name, channel, destination, hasSecrets, version, changedAt, waiting } = view;
  return [
    `Channel  ${name}, version ${version} of ${dateTimeOf(changedAt)}${channel.enabled ? '' : ', disabled'}`,
    `Kind     ${channel.kind}, to ${destination ?? 'nowhere yet'}`,
    `Secrets  ${hasSecrets.length === 0 ? 'none' : `${hasSecrets.join(', ')} (never shown)`}`,
    `Guests   ${channel.vmids?.join(', ') ?? 'all'}`,
    `Told of  ${subjectsOf(channel)}`,
    ...(channel.kind === 'ping' ? [] : [`Pace     ${paceOf(channel)}`]),
    `Waiting  ${waiting}`,
  ];
}

export function deliveryTable(deliveries: readonly Delivery[]): string[] {
  if (deliveries.length === 0) return ['Nothing was sent yet.'];
  const rows = deliveries.map((delivery) => [
    dateTimeOf(delivery.createdAt),
    delivery.state,
    String(delivery.attempts),
    delivery.title,
    [delivery.error, delivery.nextAt !== null && `again at ${dateTimeOf(delivery.nextAt)}`]
      .filter(Boolean)
      .join('; '),
  ]);
  return table(['made', 'state', 'tries', 'message', ''], rows);
}

function stateOf({ state, triedAt, createdAt, error, title }: Delivery): string {
  const when = dateTimeOf(triedAt ?? createdAt);
  return state === 'sent' ? `sent ${when}: ${title}` : `${state} ${when}: ${error ?? title}`;
}

function subjectsOf(channel: Channel): string {
  if (channel.kind === 'ping') return 'every backup: success or fail';
  const kinds = channel.kinds?.join(', ') ?? 'everything';
  return channel.resolved ? `${kinds}; and when it is over` : kinds;
}

function paceOf({ groupMs, limit }: Exclude<Channel, { kind: 'ping' }>): string {
  const together = groupMs === 0 ? 'at once' : `together what comes within ${durationOf(groupMs)}`;
  return `${together}; at most ${plural(limit.messages, 'message')} in ${durationOf(limit.perMs)}`;
}
