import { randomUUID } from 'node:crypto';
import type { AgentFrame, ControllerFrame, Regenerable } from '@tacet/protocol';
import type { Clock, Logger } from '@tacet/runtime';
import type { EventLog } from '../event-log.ts';
import { Failure } from '../failure.ts';
import { hashSecret, newSecret } from '../secrets.ts';
import { dismissalOf } from '../store/dismissed-copies.ts';
import type { CopySighting, StoredGuest } from '../store/guests.ts';
import type { Store } from '../store/open-store.ts';
import type { RestoreOrder } from '../store/restore-orders.ts';
import { copyKeyOf } from './copy-key.ts';
import { decideIdentity } from './identity.ts';
import type { SaySo } from './say-so.ts';

export type Hello = Extract<AgentFrame, { kind: 'hello' }>;
type WelcomeIdentity = Extract<ControllerFrame, { kind: 'welcome' }>['identity'];

export interface Admitted {
  readonly guestId: string;
  readonly vmid: number | null;
  readonly welcome: WelcomeIdentity;
  /** Whose VMID or place was taken over; their sessions, if any, are over. */
  readonly displaced: readonly string[];
  /** The guest whose credential was shown: of a quarantined copy, the original. */
  readonly holder: string;
}

interface AdmissionOptions {
  readonly store: Store;
  readonly events: EventLog;
  readonly clock: Clock;
  readonly log: Logger;
  readonly saySo: SaySo;
  /** Whether a guest has a session now. */
  readonly isConnected: (guestId: string) => boolean;
}

/** Of one guest at a time. More than anybody looks at; a copy that is let in once more makes the oldest go. */
const MAX_COPIES = 16;

/** Turns a hello into the guest that it is, and writes that down. Hellos must come one at a time. */
export class Admission {
  readonly #store: Store;
  readonly #events: EventLog;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #saySo: SaySo;
  readonly #isConnected: (guestId: string) => boolean;

  constructor({ store, events, clock, log, saySo, isConnected }: AdmissionOptions) {
    this.#store = store;
    this.#events = events;
    this.#clock = clock;
    this.#log = log;
    this.#saySo = saySo;
    this.#isConnected = isConnected;
  }

  /** @throws Failure `unauthorized`, the same for every reason. */
  async admit(hello: Hello): Promise<Admitted> {
    const owner = await this.#store.guests.byCredential(hashSecret(hello.credential));
    if (owner?.vmid === undefined || owner.vmid === null) {
      throw new Failure('unauthorized', 'this credential is not known here', {
        hint: 'Enrol the guest again: tacet enrol VMID',
      });
    }
    const now = this.#clock.now();
    const orders = await this.#store.restoreOrders.expecting(owner.vmid, now);
    const identity = decideIdentity(owner, hello.incarnation, orders);
    switch (identity.kind) {
      case 'guest':
        return await this.#welcomeBack(hello, owner.id, owner.vmid);
      case 'adopted':
        return await this.#adopt(hello, identity.order);
      case 'quarantined':
        return await this.#unordered(hello, owner, identity.reason);
    }
  }

  async #welcomeBack(hello: Hello, guestId: string, vmid: number): Promise<Admitted> {
    await this.#store.restoreOrders.closeFor(guestId);
    await this.#store.guests.settle(guestId);
    await this.#saw(guestId, hello);
    return { guestId, vmid, welcome: { kind: 'guest', vmid }, displaced: [], holder: guestId };
  }

  async #adopt(hello: Hello, order: RestoreOrder): Promise<Admitted> {
    const { guests, restoreOrders } = this.#store;
    const vmid = order.targetVmid;
    const { regenerate } = order;
    if (order.guestId !== null) return await this.#grant(hello, order.guestId, vmid, regenerate);
    const credential = newSecret();
    const welcome: WelcomeIdentity = { kind: 'adopted', vmid, credential, regenerate: [...regenerate] };
    const guestId = randomUUID();
    const now = this.#clock.now();
    const credentialHash = hashSecret(credential);
    const displaced = await guests.enrol({ id: guestId, vmid, credentialHash, now });
    await restoreOrders.adopt(order.id, guestId);
    await this.#saw(guestId, hello);
    await this.#events.record(
      'guest.adopted',
      `guest ${vmid}, restored from a backup of guest ${order.sourceVmid}, is now a guest of its own`,
      { guestId, vmid },
      { sourceVmid: order.sourceVmid, operationId: order.operationId },
    );
    return { guestId, vmid, welcome, displaced, holder: guestId };
  }

  /** A new credential for an adopted copy. If it was given one before it never came back with it: lost on the way. */
  async #grant(
    hello: Hello,
    guestId: string,
    vmid: number,
    regenerate: readonly Regenerable[],
  ): Promise<Admitted> {
    const credential = newSecret();
    await this.#store.guests.replaceCredential(guestId, hashSecret(credential));
    await this.#saw(guestId, hello);
    const welcome: WelcomeIdentity = { kind: 'adopted', vmid, credential, regenerate: [...regenerate] };
    return { guestId, vmid, welcome, displaced: [], holder: guestId };
  }

  async #unordered(hello: Hello, owner: StoredGuest, reason: string): Promise<Admitted> {
    const { vmid } = hello.incarnation;
    const copy = { originId: owner.id, vmid, copyKey: copyKeyOf(hello.incarnation) };
    const adopted = await this.#store.guests.adopted(copy);
    if (adopted !== undefined && adopted.vmid !== null) {
      return await this.#grant(hello, adopted.id, adopted.vmid, adopted.regenerate);
    }
    if (await this.#store.dismissedCopies.has(owner.id, dismissalOf(copy))) {
      throw new Failure('unauthorized', `this copy of guest ${owner.vmid} was dismissed`, {
        hint: `To have it after all, enrol it: tacet enrol ${vmid ?? 'VMID'}`,
      });
    }
    return await this.#quarantine(hello, copy, reason);
  }

  async #quarantine(hello: Hello, copy: CopySighting, reason: string): Promise<Admitted> {
    const { guests } = this.#store;
    const { vmid, originId: holder } = copy;
    const known = await guests.quarantined(copy);
    const guestId = known?.id ?? randomUUID();
    let displaced: string[] = [];
    if (known === undefined) {
      displaced = await this.#makeRoom(holder);
      await guests.quarantine({ ...copy, id: guestId, now: this.#clock.now() });
      const subject = { guestId, vmid };
      await this.#saySo.record(holder, 0, subject, () =>
        this.#events.record('guest.quarantined', reason, subject, { originGuestId: holder }),
      );
    }
    await this.#saw(guestId, hello);
    return { guestId, vmid, welcome: { kind: 'quarantined', reason }, displaced, holder };
  }

  /** @throws Failure `guest-quarantined` where all copies that are known are connected */
  async #makeRoom(originId: string): Promise<string[]> {
    const { guests } = this.#store;
    const copies = await guests.copiesOf(originId);
    if (copies.length < MAX_COPIES) return [];
    const oldest = copies.find(({ id }) => !this.#isConnected(id));
    if (oldest === undefined) {
      throw new Failure(
        'guest-quarantined',
        `${MAX_COPIES} copies of the same guest are quarantined already`,
        {
          hint: 'Adopt or dismiss them: tacet guests lists them.',
          retryable: true,
        },
      );
    }
    await guests.remove(oldest.id);
    return [oldest.id];
  }

  /** A full disk must not keep a known guest out: without its agent no backup of it is held. */
  async #saw(guestId: string, { agentVersion, incarnation, status }: Hello): Promise<void> {
    try {
      await this.#store.guests.saw(guestId, { agentVersion, incarnation, status, at: this.#clock.now() });
    } catch (error) {
      this.#log.error("a guest's picture could not be stored", { guestId, error });
    }
  }
}
