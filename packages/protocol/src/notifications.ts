import { z } from 'zod';
import { epochMsSchema, vmidSchema } from './primitives.ts';

/** What is worth a message. Stable: channels and receivers name them. */
export const notificationKindSchema = z.enum([
  'verdict-below-policy',
  'backup-overdue',
  'guest-not-ready',
  'copy-quarantined',
  'drill-failed',
  'hold-expired',
  'operation-failed',
]);
export type NotificationKind = z.infer<typeof notificationKindSchema>;

export const channelNameSchema = z
  .string()
  .max(64)
  .regex(/^[a-z0-9][a-z0-9._-]*$/, 'small letters, digits, dots, dashes and underscores');

/** Whoever may look at a channel sees its server, so a password has no place in its address. */
const serverSchema = z
  .url({ protocol: /^https?$/ })
  .max(2000)
  .refine((url) => !/^https?:\/\/[^/?#]*@/i.test(url), 'no name or password in the address')
  .refine((url) => !/[?#]/.test(url), 'no ? and no # in the address of a server');

/** An address that is a secret as a whole: who knows it may write there. */
const secretUrlSchema = z
  .url({ protocol: /^https?$/ })
  .max(2000)
  .refine((url) => !/^https?:\/\/[^/?#]*@/i.test(url), 'no name or password in the address');

/** A header, or a line of SMTP, holds it: no control characters. */
const secretSchema = z
  .string()
  .min(1)
  .max(1000)
  .regex(/^[^\p{Cc}]+$/u, 'no control characters');

const caSchema = z
  .string()
  .max(100_000)
  .regex(/-----BEGIN CERTIFICATE-----/, 'a certificate in PEM');

/** How the other side proves who it is, where the certificates that everybody trusts do not do. */
const trustSchema = z.union([
  z.strictObject({ ca: caSchema.describe('A CA, or its own certificate, in PEM.') }),
  z.strictObject({
    fingerprint: z
      .string()
      .regex(/^([0-9A-Fa-f]{2}:){31}[0-9A-Fa-f]{2}$/, 'a SHA-256 fingerprint, as AA:BB:…')
      .describe('The SHA-256 of its certificate.'),
  }),
]);
export type ChannelTrust = z.infer<typeof trustSchema>;

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;

const enabled = z.boolean().default(true).describe('Nothing is kept for a channel that is not.');
const vmids = z
  .array(vmidSchema)
  .min(1)
  .max(1000)
  .optional()
  .describe('Only what is about these guests; all when left out.');

const messageFields = {
  enabled,
  vmids,
  kinds: z
    .array(notificationKindSchema)
    .min(1)
    .max(notificationKindSchema.options.length)
    .optional()
    .describe('What it is told of; everything when left out.'),
  resolved: z.boolean().default(true).describe('Whether it is told, too, that something is over.'),
  groupMs: z
    .number()
    .int()
    .min(0)
    .max(hourMs)
    .default(minuteMs)
    .describe('What is of one kind and happens within so long becomes one message.'),
  limit: z
    .strictObject({
      messages: z.number().int().min(1).max(1000).default(20),
      perMs: z
        .number()
        .int()
        .min(1000)
        .max(24 * hourMs)
        .default(hourMs),
    })
    .prefault({})
    .describe('No more messages than this in such a time; what is beyond waits, and is put together.'),
};

const trust = trustSchema
  .optional()
  .describe('What the certificate is checked against; the system’s authorities when left out.');

const emailFields = {
  kind: z.literal('email'),
  host: z.string().min(1).max(255),
  port: z.number().int().min(1).max(65_535),
  security: z
    .enum(['starttls', 'tls', 'none'])
    .default('starttls')
    .describe('starttls and tls insist on it; none is for a relay that asks for no password.'),
  username: z.string().min(1).max(320).optional(),
  from: z.email(),
  to: z.array(z.email()).min(1).max(20),
  trust: z.strictObject({ ca: caSchema }).optional(),
  ...messageFields,
};

/** As it is shown: everything but its secrets. */
export const channelSchema = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('webhook'), trust, ...messageFields }),
  z.object({ kind: z.literal('ntfy'), server: serverSchema, trust, ...messageFields }),
  z.object({ kind: z.literal('gotify'), server: serverSchema, trust, ...messageFields }),
  z.object(emailFields),
  z.object({ kind: z.literal('ping'), trust, enabled, vmids }),
]);
export type Channel = z.infer<typeof channelSchema>;

/** A secret: a new one, null for none, left out for the one that there is. */
const put = <Schema extends z.ZodType>(schema: Schema) => schema.nullable().optional();

/** As it is written: secrets go in and never come out again. */
export const channelInputSchema = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('webhook'),
    secrets: z
      .strictObject({
        url: put(secretUrlSchema).describe('Where to.'),
        key: put(secretSchema.min(16)).describe('What messages are signed with.'),
      })
      .prefault({}),
    trust,
    ...messageFields,
  }),
  z.strictObject({
    kind: z.literal('ntfy'),
    server: serverSchema,
    secrets: z
      .strictObject({
        topic: put(z.string().regex(/^[-\w]{1,64}$/, 'letters, digits, dashes and underscores')),
        token: put(secretSchema).describe('An access token, where the topic is protected.'),
      })
      .prefault({}),
    trust,
    ...messageFields,
  }),
  z.strictObject({
    kind: z.literal('gotify'),
    server: serverSchema,
    secrets: z.strictObject({ token: put(secretSchema).describe('Of an application.') }).prefault({}),
    trust,
    ...messageFields,
  }),
  z
    .strictObject({
      ...emailFields,
      secrets: z.strictObject({ password: put(secretSchema) }).prefault({}),
    })
    .refine(({ security, username }) => security !== 'none' || username === undefined, {
      path: ['security'],
      message: 'a password goes over TLS only: starttls or tls',
    }),
  z.strictObject({
    kind: z.literal('ping'),
    secrets: z.strictObject({ url: put(secretUrlSchema).describe('The address of the check.') }).prefault({}),
    trust,
    enabled,
    vmids,
  }),
]);
/** With every default filled in. */
export type ChannelInput = z.infer<typeof channelInputSchema>;

/** One message to one channel, and how far it is. */
export const deliverySchema = z.object({
  /** The receiver of a webhook sees it too: whatever comes twice has the same. */
  id: z.string(),
  title: z.string(),
  /** How many things it tells. */
  notices: z.number().int().positive(),
  /** `failed`: given up. */
  state: z.enum(['waiting', 'sent', 'failed']),
  createdAt: epochMsSchema,
  attempts: z.number().int().nonnegative(),
  triedAt: epochMsSchema.nullable(),
  /** When it is tried again; null where it is not. */
  nextAt: epochMsSchema.nullable(),
  /** Of the last attempt. */
  error: z.string().nullable(),
});
export type Delivery = z.infer<typeof deliverySchema>;
export const deliveryListSchema = z.object({ deliveries: z.array(deliverySchema) });

export const channelViewSchema = z.object({
  name: channelNameSchema,
  channel: channelSchema,
  /** Its host, without what is secret; null where it has no address yet. */
  destination: z.string().nullable(),
  /** The names of the secrets that it has. */
  hasSecrets: z.array(z.string()),
  /** Counts its changes. */
  version: z.number().int().positive(),
  changedAt: epochMsSchema,
  /** Things and messages that are not sent yet. */
  waiting: z.number().int().nonnegative(),
  /** The newest that was tried, or has ended. */
  lastDelivery: deliverySchema.nullable(),
});
export type ChannelView = z.infer<typeof channelViewSchema>;
export const channelListSchema = z.object({ channels: z.array(channelViewSchema) });

/** What came of a test: one attempt, now. */
export const channelTestSchema = z.object({
  delivered: z.boolean(),
  /** What the other side said, or why it got nothing. */
  message: z.string(),
  tookMs: z.number().nonnegative(),
});
export type ChannelTest = z.infer<typeof channelTestSchema>;

/** What a webhook receives. Fields may be added; none changes its meaning without another `version`. */
export const notificationMessageSchema = z.object({
  version: z.literal(1),
  /** Of the delivery. */
  id: z.string(),
  kind: z.enum([...notificationKindSchema.options, 'test']),
  /** True where it says that something is over. */
  resolved: z.boolean(),
  /** When the message was put together. */
  at: epochMsSchema,
  title: z.string(),
  /** The whole of it in words. */
  text: z.string(),
  notices: z.array(
    z.object({
      at: epochMsSchema,
      /** The guests that it is about; of a copy its own and that of its original. */
      vmids: z.array(vmidSchema),
      title: z.string(),
      what: z.string(),
      /** What to do next. */
      next: z.string(),
      /** A page of the dashboard. */
      link: z.string(),
    }),
  ),
});
export type NotificationMessage = z.infer<typeof notificationMessageSchema>;
