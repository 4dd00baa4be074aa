import { randomUUID } from 'node:crypto';
import { encodeEnrolmentToken, type Incarnation } from '@tacet/protocol';
import type { Clock } from '@tacet/runtime';
import type { EventLog } from '../event-log.ts';
import { Failure } from '../failure.ts';
import { hashSecret, newSecret } from '../secrets.ts';
import type { Store } from '../store/open-store.ts';
import type { Roster } from './roster.ts';

export interface EnrolmentOptions {
  readonly store: Store;
  readonly events: EventLog;
  readonly clock: Clock;
  readonly roster: Roster;
  /** As guests reach this controller, and the certificate that they will pin. */
  readonly controller: () => { readonly url: string; readonly fingerprint: string };
  readonly ttlMs: number;
}

/** From a one-time token that an operator pastes into a guest to that guest's own credential. */
export class Enrolment {
  readonly #options: EnrolmentOptions;

  constructor(options: EnrolmentOptions) {
    this.#options = options;
  }

  async invite(vmid: number): Promise<{ token: string; expiresAt: number; command: string }> {
    const { store, clock, controller, ttlMs } = this.#options;
    const secret = newSecret();
    const now = clock.now();
    const expiresAt = now + ttlMs;
    await store.enrolments.create(vmid, hashSecret(secret), now, expiresAt);
    const token = encodeEnrolmentToken({ ...controller(), secret });
    return { token, expiresAt, command: `tacet-agent enroll ${token}` };
  }

  /** @throws Failure `unauthorized`, alike for unknown, used and expired; `conflict` in the wrong guest. */
  async enrol(request: {
    secret: string;
    agentVersion: string;
    incarnation: Incarnation;
  }): Promise<{ vmid: number; credential: string }> {
    const { store, clock, events, roster } = this.#options;
    const { incarnation, agentVersion } = request;
    const hash = hashSecret(request.secret);
    const now = clock.now();
    const vmid = await store.enrolments.find(hash, now);
    if (vmid === undefined) throw refused();
    if (incarnation.vmid !== null && incarnation.vmid !== vmid) {
      // The secret stays good: the operator has only pasted it into the wrong window.
      throw new Failure(
        'conflict',
        `this token is for guest ${vmid}, and this is guest ${incarnation.vmid}`,
        {
          hint: `Paste it in guest ${vmid}, or make another: tacet enrol ${incarnation.vmid}`,
        },
      );
    }
    if (!(await store.enrolments.use(hash, now))) throw refused();

    const guestId = randomUUID();
    const credential = newSecret();
    const credentialHash = hashSecret(credential);
    const displaced = await store.guests.enrol({ id: guestId, vmid, credentialHash, now });
    await store.guests.saw(guestId, { agentVersion, incarnation, status: null, at: now });
    displaced.forEach((id) => roster.forget(id));
    await events.record('guest.enrolled', `guest ${vmid} is enrolled`, { guestId, vmid }, { agentVersion });
    return { vmid, credential };
  }
}

function refused(): Failure {
  return new Failure('unauthorized', 'this enrolment token is not good', {
    hint: 'It is used up, has expired, or belongs to another controller. Make a new one: tacet enrol VMID',
  });
}
