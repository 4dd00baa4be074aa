import { join } from 'node:path';
import { dataMarkerSchema, epochMsSchema, vmidSchema } from '@tacet/protocol';
import type { Clock, Logger } from '@tacet/runtime';
import { z } from 'zod';
import { VersionedDocument } from '../../journal/document.ts';

const differenceSchema = z.object({
  marker: z.string(),
  expected: z.string(),
  found: z.string(),
  because: z.string(),
});

const outcomeSchema = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('pending') }),
  z.object({
    kind: z.literal('matches'),
    compared: z.array(z.string()),
    /** What could not be compared, and why. */
    left: z.array(z.string()),
  }),
  z.object({
    kind: z.literal('differs'),
    differences: z.array(differenceSchema).min(1),
    /** When the container that was asked had been started: another start is asked again. */
    startedAt: epochMsSchema,
  }),
  /** An operator has looked at the differences, and takes the data as they are. */
  z.object({ kind: z.literal('accepted'), differences: z.array(differenceSchema) }),
]);

/** One database of one manifest, and what came of comparing it. */
export const dataCheckSchema = z.object({
  stack: z.string(),
  service: z.string(),
  containerId: z.string(),
  containerName: z.string(),
  /** Of the marker. */
  takenAt: epochMsSchema,
  extent: z.enum(['hold', 'later']),
  /** The guest is a restored copy: its files are looked at as well. */
  isRestored: z.boolean(),
  /** Null once it is not needed any more. */
  marker: dataMarkerSchema.nullable(),
  outcome: outcomeSchema,
});
export type DataCheck = z.infer<typeof dataCheckSchema>;

export const dataChecksSchema = z.object({
  version: z.literal(1),
  /** The copy that compared: what another copy of the same disk found does not count. */
  vmid: vmidSchema.nullable(),
  bootId: z.string(),
  checks: z.array(dataCheckSchema),
});
export type DataChecks = z.infer<typeof dataChecksSchema>;

/** `data-checks.json` beside the journal's own documents. */
export class DataChecksFile {
  readonly #document: VersionedDocument<DataChecks>;
  readonly #log: Logger;

  constructor(folder: string, { log, clock }: { log: Logger; clock: Clock }) {
    this.#log = log;
    this.#document = new VersionedDocument({
      path: join(folder, 'data-checks.json'),
      schema: dataChecksSchema,
      version: 1,
      logger: log,
      now: () => clock.now(),
    });
  }

  /** Null also for one that this agent cannot use: comparing twice does no harm. */
  async read(): Promise<DataChecks | null> {
    const read = await this.#document.read();
    return read.kind === 'present' ? read.value : null;
  }

  /** A full disk must not keep anybody from knowing what was found; the next start compares again. */
  async write(checks: DataChecks): Promise<void> {
    try {
      await this.#document.write(checks);
    } catch (error) {
      this.#log.error('what was found out about the data could not be written', { error });
    }
  }
}
