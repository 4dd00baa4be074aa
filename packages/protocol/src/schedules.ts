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

/** What a schedule does with the guests that it selects. */
export const scheduleActionSchema = z.enum(['backup', 'drill']);
export type ScheduleAction = z.infer<typeof scheduleActionSchema>;

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
    action: scheduleActionSchema
      .default('backup')
      .describe(
        'backup: every guest that is selected is backed up. drill: the newest backup of some of them is restored into a scratch guest, and proven.',
      ),
    perRun: z
      .number()
      .int()
      .min(1)
      .max(1000)
      .optional()
      .describe(
        'Of drills: how many guests each time, those whose last drill is oldest first; 1 when left out.',
      ),
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
            'Backups on one node at a time, or drills. vzdump has one lock per node: more than 1 makes backups fail.',
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
  .refine(canKeepItsWord, brokenWord)
  .superRefine(requireFieldsOfAction);
/** With every default filled in. */
export type Schedule = z.infer<typeof scheduleSchema>;
/** As a person writes it: what has a default may be left out. */
export type ScheduleInput = z.input<typeof scheduleSchema>;

interface FieldsOfAction {
  readonly action: ScheduleAction;
  readonly perRun?: number | undefined;
  readonly when: { readonly jitterMs: number };
  readonly storage?: unknown;
  readonly mode: string;
  readonly whenNotQuiesced: string;
  readonly maxHoldMs?: unknown;
  readonly retention?: unknown;
  readonly concurrency: { readonly perStorage?: unknown };
}

/** What would be ignored is refused: somebody counts on it. */
function requireFieldsOfAction(schedule: FieldsOfAction, context: z.RefinementCtx): void {
  const refuse = (path: string[], message: string): void =>
    context.addIssue({ code: 'custom', path, message });
  if (schedule.action === 'backup') {
    if (schedule.perRun !== undefined) refuse(['perRun'], 'goes with the action drill only');
    return;
  }
  const ofBackups = {
    storage: schedule.storage !== undefined,
    mode: schedule.mode !== 'snapshot',
    whenNotQuiesced: schedule.whenNotQuiesced !== 'fail-open',
    maxHoldMs: schedule.maxHoldMs !== undefined,
    retention: schedule.retention !== undefined,
  };
  for (const [name, isSaid] of Object.entries(ofBackups)) {
    if (isSaid) refuse([name], 'a drill makes no backup: leave it out');
  }
  if (schedule.concurrency.perStorage !== undefined)
    refuse(['concurrency', 'perStorage'], 'drills are limited by node: leave it out');
  if (schedule.when.jitterMs !== 0)
    refuse(['when', 'jitterMs'], 'perRun spreads drills over time: leave it out');
}
