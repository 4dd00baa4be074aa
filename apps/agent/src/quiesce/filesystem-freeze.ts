import { randomUUID } from 'node:crypto';
import type { RequestResult } from '@tacet/protocol';
import { TacetError } from '@tacet/runtime';
import { z } from 'zod';
import type { QuiesceCoordinator } from './coordinator.ts';

/** What a thaw says of the hold it ended. */
export const filesystemThawSchema = z.object({
  /** Everything that was to be held was, until this thaw. */
  heldToTheEnd: z.boolean(),
  services: z.number().int().nonnegative(),
  message: z.string(),
});
export type FilesystemThaw = z.infer<typeof filesystemThawSchema>;

/** What the guest agent's caller waits for; Proxmox VE gives a freeze far longer. */
const prepareDeadlineMs = 60_000;
const holdDeadlineMs = 10_000;

/** From the freeze to the thaw of a backup are seconds. Nobody renews: one who froze may never come back. */
const leaseMs = 60_000;

/**
 * A hold around the freeze of a virtual machine's filesystems: qemu-guest-agent calls its fsfreeze hook before it
 * freezes them, and after it has thawed them (`guest-fsfreeze-freeze` of QEMU's guest agent protocol). While they are
 * frozen nothing can be written, and nothing is: the journal was before.
 */
export class FilesystemFreeze {
  readonly #coordinator: QuiesceCoordinator;
  #operationId: string | undefined;

  constructor(coordinator: QuiesceCoordinator) {
    this.#coordinator = coordinator;
  }

  /** @throws TacetError as `prepare` and `hold` do; nothing is held by this then. */
  async freeze(): Promise<{ services: number }> {
    const operationId = randomUUID();
    await this.#coordinator.prepare({ operationId, deadlineMs: prepareDeadlineMs });
    this.#operationId = operationId;
    const { services } = await this.#coordinator.hold({ operationId, leaseMs, deadlineMs: holdDeadlineMs });
    return { services: services.length };
  }

  /** @throws TacetError `wrong-state` where no freeze came before. */
  async thaw(): Promise<FilesystemThaw> {
    const operationId = this.#operationId;
    if (operationId === undefined) {
      throw new TacetError('no freeze came before this thaw', { code: 'wrong-state' });
    }
    this.#operationId = undefined;
    return judge(await this.#coordinator.thaw({ operationId }));
  }
}

function judge({ releasedBy, thawed, services, failures }: RequestResult<'thaw'>): FilesystemThaw {
  const lost = services.filter(({ intactUntilThaw }) => intactUntilThaw !== true);
  const heldToTheEnd = releasedBy === 'controller' && failures.length === 0 && lost.length === 0;
  return { heldToTheEnd, services: services.length, message: describe() };

  function describe(): string {
    if (!thawed) return 'not everything has thawed yet; it is being tried again';
    if (releasedBy === null) return 'nothing was held';
    if (releasedBy !== 'controller') return `the hold had ended before: ${releasedBy}`;
    const [failure] = failures;
    if (failure) return `${failure.stack}/${failure.service}: ${failure.message}`;
    const [first] = lost;
    return first ? `${first.stack}/${first.service} was not held to the end` : 'held to the end';
  }
}
