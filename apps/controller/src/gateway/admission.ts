import { createHash, randomUUID } from 'node:crypto';
import type { AgentFrame, ControllerFrame, Incarnation } from '@tacet/protocol';
import type { Clock, Logger } from '@tacet/runtime';
import type { EventLog } from '../event-log.ts';
import { Failure } from '../failure.ts';
import { hashSecret, newSecret } from '../secrets.ts';
import type { StoredGuest } from '../store/guests.ts';
import type { Store } from '../store/open-store.ts';
import type { RestoreOrder } from '../store/restore-orders.ts';
import { decideIdentity } from './identity.ts';

export type Hello = Extract<AgentFrame, { kind: 'hello' }>;
type WelcomeIdentity = Extract<ControllerFrame, { kind: 'welcome' }>['identity'];

export interface Admitted {
  readonly guestId: string;
  readonly vmid: number | null;
  readonly welcome: WelcomeIdentity;
  /** Whose VMID was taken over; their sessions, if any, are over. */
  readonly displaced: readonly string[];
}

interface AdmissionOptions {
  readonly store: Store;
  readonly events: EventLog;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Turns a hello into the guest that it is, and writes that down. Hellos must come one at a time. */
export class Admission {
  readonly #store: Store;
  readonly #events: EventLog;
  readonly #clock: Clock;
  readonly #log: Logger;

  constructor({ store, events, clock, log }: AdmissionOptions) {
    this.#store = store;
    this.#events = events;
    this.#clock = clock;
    this.#log = log;
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
        return await this.#quarantine(hello, owner, identity.reason);
    }
  }

  async #welcomeBack(hello: Hello, guestId: string, vmid: number): Promise<Admitted> {
    await this.#store.restoreOrders.closeFor(guestId);
    await this.#saw(guestId, hello);
    return { guestId, vmid, welcome: { kind: 'guest', vmid }, displaced: [] };
  }

  async #adopt(hello: Hello, order: RestoreOrder): Promise<Admitted> {
    const { guests, restoreOrders } = this.#store;
    const vmid = order.targetVmid;
    const credential = newSecret();
    const welcome = { kind: 'adopted', vmid, credential } as const;
    if (order.guestId !== null) {
      // It never came back with the credential it was given, so that one was lost on the way.
      await guests.replaceCredential(order.guestId, hashSecret(credential));
      await this.#saw(order.guestId, hello);
      return { guestId: order.guestId, vmid, welcome, displaced: [] };
    }
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
    return { guestId, vmid, welcome, displaced };
  }

  async #quarantine(hello: Hello, owner: StoredGuest, reason: string): Promise<Admitted> {
    const { guests } = this.#store;
    const copyKey = copyKeyOf(hello.incarnation);
    const known = await guests.quarantined(owner.id, copyKey);
    const { vmid } = hello.incarnation;
    const guestId = known?.id ?? randomUUID();
    if (known === undefined) {
      await guests.quarantine({ id: guestId, vmid, originId: owner.id, copyKey, now: this.#clock.now() });
      await this.#events.record('guest.quarantined', reason, { guestId, vmid }, { originGuestId: owner.id });
    }
    await this.#saw(guestId, hello);
    return { guestId, vmid, welcome: { kind: 'quarantined', reason }, displaced: [] };
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

/** The same for one copy at every reconnect, another for every other copy. */
function copyKeyOf({ vmid, macs, machineId }: Incarnation): string {
  return createHash('sha256')
    .update(JSON.stringify([vmid, macs, machineId]))
    .digest('hex');
}
