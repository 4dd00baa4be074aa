import { z } from 'zod';

/** What Proxmox VE calls things; patterns of its own are stricter, and it says so itself. */
export const pveNameSchema = z.string().min(1).max(128);

const keepSchema = z.number().int().positive().max(10_000).optional();

/** The `keep-*` options of Proxmox VE, which refuses `keep-all` together with others. */
export const retentionSchema = z
  .strictObject({
    keepAll: z.literal(true).optional().describe('Remove none.'),
    keepLast: keepSchema.describe('The last ones.'),
    keepHourly: keepSchema.describe('The last one of each of so many hours.'),
    keepDaily: keepSchema.describe('The last one of each of so many days.'),
    keepWeekly: keepSchema.describe('The last one of each of so many weeks.'),
    keepMonthly: keepSchema.describe('The last one of each of so many months.'),
    keepYearly: keepSchema.describe('The last one of each of so many years.'),
  })
  .refine((keep) => Object.values(keep).some((value) => value !== undefined), 'say what to keep')
  .refine(
    ({ keepAll, ...others }) => !keepAll || Object.values(others).every((value) => value === undefined),
    'keepAll goes with nothing else',
  );
export type Retention = z.infer<typeof retentionSchema>;

/** How a backup is made: one that is asked for, or every one of a schedule. */
export const backupOptionFields = {
  storage: pveNameSchema
    .optional()
    .describe('Where the backups go; what the node has configured when left out.'),
  mode: z
    .enum(['snapshot', 'suspend', 'stop'])
    .default('snapshot')
    .describe(
      'The mode of vzdump. snapshot falls back to suspend where a volume cannot snapshot; in suspend and stop nothing is held.',
    ),
  whenNotQuiesced: z
    .enum(['fail-open', 'fail-closed'])
    .default('fail-open')
    .describe(
      'What to do when a guest cannot be quiesced. fail-open: the backup is made, and its verdict says crash. fail-closed: none is made, and the run fails.',
    ),
  maxHoldMs: z
    .number()
    .int()
    .min(1000)
    .max(3_600_000)
    .optional()
    .describe('The longest hold, renewals of its lease included; that of the controller when left out.'),
  retention: retentionSchema
    .optional()
    .describe(
      'What Proxmox VE keeps of each guest on the storage once a backup is made. To say it, the backup token needs Datastore.Allocate on the storage, with which it may remove any backup there; the retention that the storage itself has applies when left out, and needs no more.',
    ),
};

const fieldsSchema = z.strictObject(backupOptionFields);
export type BackupOptions = z.infer<typeof fieldsSchema>;
/** As a person writes it. */
export type BackupOptionsInput = z.input<typeof fieldsSchema>;

export function canKeepItsWord({ mode, whenNotQuiesced }: BackupOptions): boolean {
  return mode === 'snapshot' || whenNotQuiesced === 'fail-open';
}
export const brokenWord = {
  path: ['whenNotQuiesced'],
  message: 'fail-closed goes with the mode snapshot only: in the others no hold can span the whole copy',
};

export const backupOptionsSchema = fieldsSchema.refine(canKeepItsWord, brokenWord);
