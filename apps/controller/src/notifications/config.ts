import { latenessSpans } from '@tacet/protocol';
import { z } from 'zod';

const hourMs = 3_600_000;
const { overdue } = latenessSpans;
const ms = (value: number, least: number) =>
  z
    .number()
    .int()
    .min(least)
    .max(366 * 24 * hourMs)
    .default(value);

/** From when on something is worth a message. Where to is not here: channels are put through the API. */
export const notificationConfigSchema = z.strictObject({
  /** A guest that no schedule selects: so long after its newest backup. */
  overdueAfterMs: ms(overdue.ageMs, 1000),
  /** A guest that a schedule selects: so long after its turn, while nothing was backed up. Blackouts do not count. */
  overdueGraceMs: ms(overdue.turnMs, 1000),
  /** A guest that is not ready, for whatever reason. */
  notReadyAfterMs: ms(hourMs / 4, 1000),
});
export type NotificationConfig = z.infer<typeof notificationConfigSchema>;
