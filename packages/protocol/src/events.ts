import { z } from 'zod';
import { epochMsSchema } from './primitives.ts';

export const eventTypeSchema = z.enum([
  'agent.started',
  'quiesce.prepared',
  'quiesce.held',
  'quiesce.hold-failed',
  'quiesce.thawed',
  'quiesce.thaw-failed',
  'lease.expired',
  'heal.started',
  'heal.step',
  'heal.step-failed',
  'heal.backing-off',
  'heal.finished',
  'condition.changed',
  'session.opened',
  'session.closed',
  'guest.enrolled',
  'guest.adopted',
  'guest.quarantined',
  'guest.dismissed',
  'identity.regenerated',
  'identity.kept',
  'session.throttled',
  'operation.started',
  'operation.step',
  'operation.finished',
  'schedule.changed',
  'schedule.due',
  'schedule.missed',
  'schedule.unmatched',
]);
export type EventType = z.infer<typeof eventTypeSchema>;

/** Something that happened in a guest, in words, with what a program needs beside them. */
export const eventSchema = z.object({
  at: epochMsSchema,
  type: eventTypeSchema,
  message: z.string(),
  data: z.record(z.string(), z.unknown()).default({}),
});
export type Event = z.infer<typeof eventSchema>;
