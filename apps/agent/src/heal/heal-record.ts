import { join } from 'node:path';
import { epochMsSchema, vmidSchema } from '@tacet/protocol';
import type { Clock, Logger } from '@tacet/runtime';
import { z } from 'zod';
import { VersionedDocument } from '../journal/document.ts';

export const healFindingSchema = z.object({ stack: z.string(), service: z.string(), because: z.string() });
export type HealFinding = z.infer<typeof healFindingSchema>;

/** The heal that this copy owes or has done. Written before the journal forgets why, and after the last step. */
export const healRecordSchema = z.object({
  version: z.literal(1),
  /** Of the manifest that is healed from. */
  operationId: z.string(),
  /** The copy that heals: another copy of the same disk owes its own. */
  vmid: vmidSchema.nullable(),
  because: z.string(),
  startedAt: epochMsSchema,
  finishedAt: epochMsSchema.nullable(),
  /** What could not be brought back. */
  findings: z.array(healFindingSchema),
  /** Ids of the containers whose post-restore commands have run in this copy. */
  postRestored: z.array(z.string()).default([]),
});
export type HealRecord = z.infer<typeof healRecordSchema>;

/** `heal.json` beside the journal's own documents. */
export class HealRecordFile {
  readonly #document: VersionedDocument<HealRecord>;

  constructor(folder: string, { log, clock }: { log: Logger; clock: Clock }) {
    this.#document = new VersionedDocument({
      path: join(folder, 'heal.json'),
      schema: healRecordSchema,
      version: 1,
      logger: log,
      now: () => clock.now(),
    });
  }

  /** Null also for one that this agent cannot use: healing twice does no harm, not healing does. */
  async read(): Promise<HealRecord | null> {
    const read = await this.#document.read();
    return read.kind === 'present' ? read.value : null;
  }

  async write(record: HealRecord): Promise<void> {
    await this.#document.write(record);
  }
}
