import { z } from 'zod';
import { backupOptionFields, brokenWord, canKeepItsWord, pveNameSchema } from './backup-options.ts';
import { vmidSchema } from './primitives.ts';

const dayMs = 86_400_000;

/** Part of every run's key and of its jitter: a schedule that is renamed is another one. */
export const scheduleNameSchema = z
  .string()
  .max(64)
  .regex(/^[a-z0-9][a-z0-9._-]*$/, 'small letters, digits, dots, dashes and underscores');

// What the text says is checked by `compileSchedule` of the core.
const calendarSchema = z.string().min(1).max(128);
const timeZoneSchema = z.string().min(1).max(64);

const guestMatch = {
  vmids: z.array(vmidSchema).max(1000).optional().describe('VMIDs.'),
  tags: z
    .array(pveNameSchema)
    .max(100)
    .optional()
    .describe('Guests with one of these tags; case is ignored.'),
  pools: z
    .array(pveNameSchema)
    .max(100)
    .optional()
    .describe('Members of these pools; not of pools below them, as in backup jobs of Proxmox VE.'),
  names: z
    .array(z.string().min(1).max(255))
    .max(100)
    .optional()
    .describe('Names, in which * stands for anything and ? for one character; case is ignored.'),
};

const namesSomething = (match: object) =>
  Object.values(match).some((value) => value === true || (Array.isArray(value) && value.length > 0));
const nothingNamed = 'name at least one VMID, tag, pool or name';

/** A guest is selected when one thing in `include` matches it and nothing in `exclude` does. */
export const guestSelectorSchema = z.strictObject({
  include: z
    .strictObject({
      all: z.literal(true).optional().describe('Every guest that can be seen.'),
      ...guestMatch,
    })
    .refine(namesSomething, `${nothingNamed}, or "all": true`)
    .describe('Guests that one of these matches.'),
  exclude: z
    .strictObject(guestMatch)
    .refine(namesSomething, nothingNamed)
    .optional()
    .describe('Guests to leave out, whatever includes them.'),
});
export type GuestSelector = z.infer<typeof guestSelectorSchema>;

const timeOfDaySchema = z.string().regex(/^([01]\d|2[0-3]):[0-5]\d$/, 'a time as 07:30');
const blackoutZoneSchema = timeZoneSchema
  .optional()
  .describe('The time zone; that of the schedule when left out.');

/** A time in which no run of the schedule begins; one that runs already goes on. */
export const blackoutSchema = z.discriminatedUnion('kind', [
  z
    .strictObject({
      kind: z.literal('daily'),
      from: timeOfDaySchema.describe('A time of every day, as 07:30.'),
      to: timeOfDaySchema.describe('When it ends; before `from` it is the next day.'),
      timeZone: blackoutZoneSchema,
    })
    .refine(({ from, to }) => from !== to, 'from and to must differ'),
  z.strictObject({
    kind: z.literal('calendar'),
    event: calendarSchema.describe('A calendar event: when it begins.'),
    durationMs: z
      .number()
      .int()
      .positive()
      .max(7 * dayMs)
      .describe('How long it takes.'),
    timeZone: blackoutZoneSchema,
  }),
]);
export type BlackoutWindow = z.infer<typeof blackoutSchema>;

export const scheduleSchema = z
  .strictObject({
    name: scheduleNameSchema.describe(
      'Unique. Jitter depends on it; a schedule that is renamed begins anew.',
    ),
    enabled: z
      .boolean()
      .default(true)
      .describe('What falls into a time in which it is not is not made up for.'),
    guests: guestSelectorSchema.describe('Which guests.'),
    when: z
      .strictObject({
        event: calendarSchema.describe('A calendar event, as mon..fri 22:00.'),
        timeZone: timeZoneSchema.describe('The time zone of the event, as Europe/Berlin.'),
        jitterMs: z
          .number()
          .int()
          .nonnegative()
          .max(dayMs)
          .default(0)
          .describe(
            'Each guest begins later by less than this: always by the same whole seconds, which depend on the name of the schedule and its VMID.',
          ),
      })
      .describe('When.'),
    missed: z
      .enum(['skip', 'run-once'])
      .default('run-once')
      .describe('What becomes of runs that were due while the controller was down: none, or one per guest.'),
    blackouts: z
      .array(blackoutSchema)
      .max(50)
      .default([])
      .describe('Times in which no run begins. A run that is due then waits for their end.'),
    ...backupOptionFields,
    concurrency: z
      .strictObject({
        perNode: z
          .number()
          .int()
          .min(1)
          .max(100)
          .default(1)
          .describe(
            'Backups on one node at a time. vzdump has one lock per node: more than 1 makes runs fail.',
          ),
        perStorage: z
          .number()
          .int()
          .min(1)
          .max(100)
          .optional()
          .describe('Backups onto one storage at a time; as many as the nodes allow when left out.'),
      })
      .prefault({})
      .describe(
        'Limits, counted over all backups that run. Where schedules differ, the smallest limit counts of all that are involved.',
      ),
  })
  .refine(canKeepItsWord, brokenWord);
/** With every default filled in. */
export type Schedule = z.infer<typeof scheduleSchema>;
/** As a person writes it: what has a default may be left out. */
export type ScheduleInput = z.input<typeof scheduleSchema>;
