import { channelInputSchema, type ChannelView } from '@tacet/protocol';
import { expect, it } from 'vitest';
import { bodyOf, draftOf } from './channel-draft.ts';

const mail: ChannelView = {
  name: 'mail',
  channel: {
    kind: 'email',
    host: 'mail.example',
    port: 465,
    security: 'tls',
    username: 'tacet',
    from: 'tacet@house.example',
    to: ['anna@house.example', 'ben@house.example'],
    trust: { ca: '-----BEGIN CERTIFICATE-----' },
    enabled: true,
    vmids: [101],
    resolved: false,
    groupMs: 5_000,
    limit: { messages: 3, perMs: 60_000 },
  },
  destination: 'mail.example:465',
  hasSecrets: ['password'],
  version: 3,
  changedAt: 0,
  waiting: 0,
  lastDelivery: null,
};

it('changes what has a field, and leaves everything else as it was', () => {
  const draft = { ...draftOf(mail), port: '587', kinds: ['drill-failed'] as const };
  const body = channelInputSchema.parse(bodyOf(draft, [101, 102], mail.channel));
  expect(body).toEqual({
    ...mail.channel,
    port: 587,
    vmids: [101, 102],
    kinds: ['drill-failed'],
    secrets: {},
  });
});

it('sends the secrets of its kind alone, and only what was typed', () => {
  const draft = {
    ...draftOf(undefined),
    name: 'phone',
    server: ' https://ntfy.example ',
    secrets: { topic: 'alarm', token: '', url: 'https://typed.before' },
  };
  expect(channelInputSchema.parse(bodyOf(draft, [], undefined))).toMatchObject({
    kind: 'ntfy',
    server: 'https://ntfy.example',
    secrets: { topic: 'alarm' },
  });
  expect(bodyOf(draft, [], undefined)).toMatchObject({ secrets: { topic: 'alarm' } });
});
