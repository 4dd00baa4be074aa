import type { Regenerable } from '@tacet/protocol';
import type { Clock } from '@tacet/runtime';
import type { EventLog } from '../event-log.ts';
import { Failure } from '../failure.ts';
import { dismissalOf } from '../store/dismissed-copies.ts';
import type { StoredGuest } from '../store/guests.ts';
import type { Store } from '../store/open-store.ts';
import type { Roster } from './roster.ts';

export interface CopiesOptions {
  readonly store: Store;
  readonly events: EventLog;
  readonly clock: Clock;
  readonly roster: Roster;
  /** Runs the work while no agent is being let in. */
  readonly exclusively: <T>(work: () => Promise<T>) => Promise<T>;
}

type Origin = NonNullable<StoredGuest['origin']>;

/** What an operator decides about copies that nobody ordered. */
export class Copies {
  readonly #options: CopiesOptions;

  constructor(options: CopiesOptions) {
    this.#options = options;
  }

  /**
   * Makes a quarantined copy a guest of its own. It is sent away, comes back by itself, and is given a credential of
   * its own then; until it has used that, it is given another one each time it calls.
   *
   * @param asVmid where the copy cannot say its VMID
   * @param regenerate what it makes anew then, so as not to share it with its original
   * @throws Failure `not-found`; `conflict` where it is no quarantined copy, or its VMID is taken; `invalid-input`
   */
  async adopt(id: string, asVmid?: number, regenerate: readonly Regenerable[] = []): Promise<StoredGuest> {
    const { store, events, roster, exclusively } = this.#options;
    return await exclusively(async () => {
      const { copy, origin } = await this.#quarantined(id);
      const vmid = vmidOf(copy, asVmid);
      await this.#requireKnown(origin, vmid);
      await this.#requireFree(vmid, origin);
      const displaced = await store.guests.adopt(id, vmid, regenerate);
      await events.record(
        'guest.adopted',
        `guest ${vmid}, a copy of guest ${origin.vmid} that nobody had ordered, is now a guest of its own`,
        { guestId: id, vmid },
        { sourceVmid: origin.vmid, regenerate },
      );
      for (const other of displaced) roster.forget(other);
      roster.forget(id, 'adopted: come back for a credential of your own');
      return { ...copy, identity: 'enrolled', vmid };
    });
  }

  /**
   * Turns a quarantined copy away for good, and forgets it. Only a restore to its VMID that is ordered, or an enrolment
   * in it, makes it welcome again.
   *
   * @returns what it was
   * @throws Failure `not-found`; `conflict` where it is no quarantined copy
   */
  async dismiss(id: string): Promise<StoredGuest> {
    const { store, events, roster, clock, exclusively } = this.#options;
    return await exclusively(async () => {
      const { copy, origin } = await this.#quarantined(id);
      if ((await store.guests.get(origin.id)) !== undefined) {
        const dismissal = dismissalOf({ vmid: copy.vmid, copyKey: origin.copyKey ?? '' });
        await store.dismissedCopies.add(origin.id, dismissal, clock.now());
      }
      await store.guests.remove(id);
      const name = copy.vmid === null ? 'a copy' : `guest ${copy.vmid}, a copy`;
      await events.record(
        'guest.dismissed',
        `${name} of guest ${origin.vmid ?? '?'} that nobody had ordered, is turned away from now on`,
        { guestId: id, vmid: copy.vmid },
        { sourceVmid: origin.vmid },
      );
      roster.forget(id, 'this copy was dismissed');
      return copy;
    });
  }

  async #quarantined(id: string): Promise<{ copy: StoredGuest; origin: Origin }> {
    const copy = await this.#options.store.guests.get(id);
    if (copy === undefined) {
      throw new Failure('not-found', `there is no copy ${id}`, {
        hint: 'tacet guests shows the id of each quarantined copy.',
      });
    }
    if (copy.identity === 'quarantined' && copy.origin !== null) return { copy, origin: copy.origin };
    throw new Failure('conflict', `guest ${copy.vmid} is no quarantined copy`, {
      hint: 'There is nothing to decide: it is a guest of its own.',
    });
  }

  async #requireKnown(origin: Origin, vmid: number): Promise<void> {
    if ((await this.#options.store.guests.get(origin.id)) !== undefined) return;
    throw new Failure(
      'conflict',
      'its original was enrolled anew, and what the copy shows opens nothing any more',
      {
        hint: `Enrol the copy itself: tacet enrol ${vmid}`,
      },
    );
  }

  /** A guest of that VMID that is away gives way: a node has one guest of a number. One that is here does not. */
  async #requireFree(vmid: number, origin: Origin): Promise<void> {
    const { store, roster } = this.#options;
    const bearer = await store.guests.enrolled(vmid);
    if (bearer === undefined) return;
    if (bearer.id === origin.id) {
      throw new Failure('conflict', `guest ${vmid} is the original, which a copy never becomes`, {
        hint: `If it was restored in place, enrol it there again: tacet enrol ${vmid}`,
      });
    }
    if (roster.get(bearer.id)?.session != null) {
      throw new Failure('conflict', `another guest ${vmid} is connected`, {
        hint: 'Two guests cannot share a VMID. Stop the one that is not right, then try again.',
      });
    }
  }
}

function vmidOf(copy: StoredGuest, asVmid: number | undefined): number {
  const vmid = copy.vmid ?? asVmid;
  if (vmid === undefined) {
    throw new Failure('invalid-input', 'this copy cannot say which VMID it has', {
      hint: `Look on the node, and name it: tacet adopt ${copy.id} --vmid VMID`,
    });
  }
  if (asVmid === undefined || asVmid === vmid) return vmid;
  throw new Failure('invalid-input', `this copy runs as guest ${vmid}, not ${asVmid}`);
}
