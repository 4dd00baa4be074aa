import { z } from 'zod';
import { consistencySchema, epochMsSchema, vmidSchema } from './primitives.ts';
import { drillOutcomeSchema } from './restores.ts';
import { scheduleActionSchema, scheduleNameSchema, scheduleSchema } from './schedules.ts';

/** One backup or drill that a schedule makes due. */
export const scheduleRunSchema = z.object({
  id: z.string(),
  schedule: scheduleNameSchema,
  vmid: vmidSchema,
  /** What the schedule did when it became due. */
  action: scheduleActionSchema,
  /** `event`: its turn came. `request`: somebody asked for it, whatever the schedule says of times. */
  cause: z.enum(['event', 'request']),
  /** The event, or when it was asked for. */
  eventAt: epochMsSchema,
  /** When this guest's turn was, which is later by its jitter. */
  dueAt: epochMsSchema,
  /** Made up for after the controller was down. */
  late: z.boolean(),
  /** `missed`: it has no backup or drill of its own, and will have none. */
  state: z.enum(['queued', 'started', 'succeeded', 'failed', 'missed']),
  /** Why it waits, failed or was missed; what came of it. */
  message: z.string().nullable(),
  operationId: z.string().nullable(),
  /** Of the backup that it made. */
  consistency: consistencySchema.nullable(),
  endedAt: epochMsSchema.nullable(),
});
export type ScheduleRun = z.infer<typeof scheduleRunSchema>;
export const scheduleRunListSchema = z.object({ runs: z.array(scheduleRunSchema) });

export const scheduleViewSchema = z.object({
  schedule: scheduleSchema,
  /** Counts its changes; an `If-Match` names it. */
  version: z.number().int().positive(),
  changedAt: epochMsSchema,
  /** The event in words, as `Monday to Friday at 22:00`. */
  when: z.string(),
  /** Null while it is disabled, or when the event happens no more. */
  nextAt: epochMsSchema.nullable(),
  /** Runs that wait, and runs whose backup is under way. */
  queued: z.number().int().nonnegative(),
  started: z.number().int().nonnegative(),
});
export type ScheduleView = z.infer<typeof scheduleViewSchema>;
export const scheduleListSchema = z.object({ schedules: z.array(scheduleViewSchema) });

export const startRunsSchema = z.strictObject({
  /** Only these of the guests that it selects. */
  vmids: z.array(vmidSchema).min(1).max(1000).optional(),
});
export const startedRunsSchema = z.object({
  runs: z.array(scheduleRunSchema),
  /** Guests that it selects and whose run was under way already. */
  alreadyUnderWay: z.array(vmidSchema),
});

/** What the schedule would do, if nothing changes until then. */
export const schedulePreviewSchema = z.object({
  action: scheduleActionSchema,
  when: z.string(),
  /** The next events, without jitter. */
  events: z.array(epochMsSchema),
  /** Of drills in the order of their turns. */
  guests: z.array(
    z.object({
      vmid: vmidSchema,
      name: z.string().nullable(),
      node: z.string(),
      storage: z.string(),
      /** What of `include` it matches, as `tag prod`. */
      because: z.array(z.string()),
      /** Its next turn, jitter included. */
      nextAt: epochMsSchema.nullable(),
      /** Why nothing would be held if it began now; null when the agent is there, and of drills. */
      notHeldBecause: z.string().nullable(),
      /** Null of backups. */
      drill: z
        .object({
          /** When the backup was made that would be drilled; null where there is none. */
          backupAt: epochMsSchema.nullable(),
          /** The guest's newest drill that has shown something; nulls for none. */
          drilledAt: epochMsSchema.nullable(),
          outcome: drillOutcomeSchema.nullable(),
        })
        .nullable(),
    }),
  ),
  /** What `include` names and nobody matches, as `VMID 105`. */
  unmatched: z.array(z.string()),
});
export type SchedulePreview = z.infer<typeof schedulePreviewSchema>;

/** What one schedule wants of one guest's backups, and what came of that last. */
export const guestScheduleSchema = z.object({
  name: scheduleNameSchema,
  enabled: z.boolean(),
  /** Its next event, without jitter; null while it is disabled, or when the event happens no more. */
  nextAt: epochMsSchema.nullable(),
  /** Null before the guest's first turn. */
  lastRun: scheduleRunSchema.pick({ dueAt: true, state: true, message: true, operationId: true }).nullable(),
});
export type GuestSchedule = z.infer<typeof guestScheduleSchema>;
