import { notificationKindSchema, vmidSchema } from '@tacet/protocol';
import { z } from 'zod';

/** Something that a person wants to know, in words. */
const noticeSchema = z.object({
  as: z.literal('notice'),
  kind: notificationKindSchema,
  /** It says that it is over. */
  resolved: z.boolean(),
  at: z.number(),
  vmids: z.array(vmidSchema).readonly(),
  title: z.string(),
  what: z.string(),
  next: z.string(),
  /** Of the dashboard. */
  path: z.string(),
});
export type Notice = z.infer<typeof noticeSchema>;

/** How the last backup went, for who waits for it to be said again and again. */
const pingNoticeSchema = z.object({ as: z.literal('ping'), good: z.boolean(), text: z.string() });
export type PingNotice = z.infer<typeof pingNoticeSchema>;

export const storedNoticeSchema = z.discriminatedUnion('as', [noticeSchema, pingNoticeSchema]);
export type StoredNotice = z.infer<typeof storedNoticeSchema>;

const MAX_WORDS = 600;

/** What a guest or a node has said, as a part of a line: they may say whatever they like. */
export function plain(words: string): string {
  const line = words.replaceAll(/[\p{Cc}\p{Zl}\p{Zp}\s]+/gu, ' ').trim();
  return line.length > MAX_WORDS ? `${line.slice(0, MAX_WORDS)}…` : line;
}

/** `2026-11-23 02:04 UTC`: whoever reads it may be anywhere. */
export function momentOf(atMs: number): string {
  return `${new Date(atMs).toISOString().slice(0, 16).replace('T', ' ')} UTC`;
}

/** `36 h`, `8 days` */
export function spanOf(ms: number): string {
  const minutes = Math.round(ms / 60_000);
  if (minutes < 120) return `${Math.max(1, minutes)} min`;
  const hours = Math.round(minutes / 60);
  return hours < 72 ? `${hours} h` : `${Math.round(hours / 24)} days`;
}
