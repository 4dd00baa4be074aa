import {
  type GuestStatus,
  type Incarnation,
  incarnationSchema,
  type Regenerable,
  statusSchema,
} from '@tacet/protocol';
import type { Kysely } from 'kysely';
import { dismissalOf } from './dismissed-copies.ts';
import { type OnUnreadable, readableRows, readRow } from './readable-rows.ts';
import { readRegenerate } from './read-regenerate.ts';
import type { GuestRow, Tables } from './schema.ts';

/** A copy of a guest as the store knows it, with its last picture. */
export interface StoredGuest {
  readonly id: string;
  readonly vmid: number | null;
  readonly identity: GuestRow['identity'];
  /** Of a copy that nobody ordered: whose credential it showed. */
  readonly origin: {
    readonly id: string;
    readonly vmid: number | null;
    readonly copyKey: string | null;
  } | null;
  /** What it makes anew when it is given a credential of its own. */
  readonly regenerate: readonly Regenerable[];
  readonly agentVersion: string | null;
  readonly incarnation: Incarnation | null;
  readonly status: GuestStatus | null;
  readonly lastSeenAt: number | null;
}

/** What a hello tells of the guest that says it. */
export interface GuestSighting {
  readonly agentVersion: string;
  readonly incarnation: Incarnation;
  readonly status: GuestStatus | null;
  readonly at: number;
}

export interface NewGuest {
  readonly id: string;
  readonly vmid: number;
  readonly credentialHash: string;
  readonly now: number;
}

/** A copy that nobody ordered, as it shows itself. */
export interface CopySighting {
  /** Whose credential it shows. */
  readonly originId: string;
  readonly vmid: number | null;
  readonly copyKey: string;
}

export class Guests {
  readonly #db: Kysely<Tables>;
  readonly #onUnreadable: OnUnreadable;

  constructor(db: Kysely<Tables>, onUnreadable: OnUnreadable) {
    this.#db = db;
    this.#onUnreadable = onUnreadable;
  }

  /** Those that can be read. */
  async list(): Promise<StoredGuest[]> {
    const rows = await this.#select().orderBy('guests.vmid').orderBy('guests.created_at').execute();
    return readableRows(rows, nameOf, toGuest, this.#onUnreadable);
  }

  async get(id: string): Promise<StoredGuest | undefined> {
    const row = await this.#select().where('guests.id', '=', id).executeTakeFirst();
    return row && this.#read(row);
  }

  /** Its status is left out: who calls brings a new one, also in the place of one that cannot be read. */
  async byCredential(hash: string): Promise<StoredGuest | undefined> {
    const row = await this.#select().where('guests.credential_hash', '=', hash).executeTakeFirst();
    return row && this.#read({ ...row, status: null });
  }

  async enrolled(vmid: number): Promise<StoredGuest | undefined> {
    const row = await this.#select()
      .where('guests.vmid', '=', vmid)
      .where('guests.identity', '=', 'enrolled')
      .executeTakeFirst();
    return row && this.#read(row);
  }

  /** Whether one bears that VMID by right, also where no more of it can be read. */
  async isEnrolled(vmid: number): Promise<boolean> {
    return (await this.idOfEnrolled(vmid)) !== undefined;
  }

  /** Of the one that bears that VMID by right, also where no more of it can be read. */
  async idOfEnrolled(vmid: number): Promise<string | undefined> {
    const row = await this.#db
      .selectFrom('guests')
      .select('id')
      .where('vmid', '=', vmid)
      .where('identity', '=', 'enrolled')
      .executeTakeFirst();
    return row?.id;
  }

  /** The one that bears that VMID by right; where there is none, the first copy that says it does. */
  async bearer(vmid: number): Promise<StoredGuest | undefined> {
    const row = await this.#select()
      .where('guests.vmid', '=', vmid)
      .orderBy((is) => is('guests.identity', '=', 'enrolled'), 'desc')
      .orderBy('guests.created_at')
      .executeTakeFirst();
    return row && this.#read(row);
  }

  async quarantined({ originId, copyKey }: CopySighting): Promise<StoredGuest | undefined> {
    const row = await this.#copies(originId, 'quarantined')
      .where('guests.copy_key', '=', copyKey)
      .executeTakeFirst();
    return row && this.#read(row);
  }

  /** Of one guest, the one that was not seen for longest first. */
  async copiesOf(originId: string): Promise<StoredGuest[]> {
    const rows = await this.#copies(originId, 'quarantined').orderBy('guests.last_seen_at').execute();
    return readableRows(rows, nameOf, toGuest, this.#onUnreadable);
  }

  /** The guest that this copy was adopted as, as long as it has not come with its own credential. */
  async adopted({ originId, vmid, copyKey }: CopySighting): Promise<StoredGuest | undefined> {
    const row = await this.#copies(originId, 'enrolled')
      .where('guests.copy_key', 'is not', null)
      .where((is) => is.or([is('guests.copy_key', '=', copyKey), is('guests.vmid', '=', vmid)]))
      .executeTakeFirst();
    return row && this.#read(row);
  }

  /**
   * Makes it the one that bears its VMID. Whoever claimed that before is forgotten, credential and all: a
   * node has only one guest of a number. What was dismissed under that number is welcome again. @returns the ids of
   * those that were forgotten.
   */
  async enrol({ id, vmid, credentialHash, now }: NewGuest): Promise<string[]> {
    return await this.#db.transaction().execute(async (db) => {
      const displaced = await db.deleteFrom('guests').where('vmid', '=', vmid).returning('id').execute();
      await db
        .insertInto('guests')
        .values({ ...empty(id, now), vmid, identity: 'enrolled', credential_hash: credentialHash })
        .execute();
      await db
        .deleteFrom('dismissed_copies')
        .where('copy', '=', dismissalOf({ vmid, copyKey: '' }))
        .execute();
      return displaced.map((row) => row.id);
    });
  }

  async quarantine(copy: CopySighting & { id: string; now: number }): Promise<void> {
    await this.#db
      .insertInto('guests')
      .values({
        ...empty(copy.id, copy.now),
        vmid: copy.vmid,
        identity: 'quarantined',
        origin_guest_id: copy.originId,
        copy_key: copy.copyKey,
      })
      .execute();
  }

  /** Makes a copy the one that bears a VMID; it is given its credential when it calls. @returns as `enrol` */
  async adopt(id: string, vmid: number, regenerate: readonly Regenerable[] = []): Promise<string[]> {
    return await this.#db.transaction().execute(async (db) => {
      const displaced = await db
        .deleteFrom('guests')
        .where('vmid', '=', vmid)
        .where('id', '!=', id)
        .returning('id')
        .execute();
      await db
        .updateTable('guests')
        .set({ identity: 'enrolled', vmid, regenerate: JSON.stringify(regenerate) })
        .where('id', '=', id)
        .execute();
      return displaced.map((row) => row.id);
    });
  }

  /** An adopted copy has come with its own credential: its old one is nothing to it any more. */
  async settle(id: string): Promise<void> {
    await this.#db
      .updateTable('guests')
      .set({ copy_key: null })
      .where('id', '=', id)
      .where('copy_key', 'is not', null)
      .execute();
  }

  async remove(id: string): Promise<void> {
    await this.#db.deleteFrom('guests').where('id', '=', id).execute();
  }

  async replaceCredential(id: string, credentialHash: string): Promise<void> {
    await this.#db
      .updateTable('guests')
      .set({ credential_hash: credentialHash })
      .where('id', '=', id)
      .execute();
  }

  async saw(id: string, sighting: GuestSighting): Promise<void> {
    await this.#db
      .updateTable('guests')
      .set({
        agent_version: sighting.agentVersion,
        incarnation: JSON.stringify(sighting.incarnation),
        status: sighting.status && JSON.stringify(sighting.status),
        last_seen_at: sighting.at,
      })
      .where('id', '=', id)
      .execute();
  }

  /** @throws Failure `internal` for a row that cannot be read, as everything here that is asked for one guest */
  #read(row: JoinedRow): StoredGuest {
    return readRow(row, nameOf, toGuest, this.#onUnreadable);
  }

  #select() {
    return this.#db
      .selectFrom('guests')
      .leftJoin('guests as origin', 'origin.id', 'guests.origin_guest_id')
      .selectAll('guests')
      .select('origin.vmid as origin_vmid');
  }

  #copies(originId: string, identity: GuestRow['identity']) {
    return this.#select()
      .where('guests.origin_guest_id', '=', originId)
      .where('guests.identity', '=', identity);
  }
}

function empty(id: string, now: number): GuestRow {
  return {
    id,
    vmid: null,
    identity: 'enrolled',
    credential_hash: null,
    origin_guest_id: null,
    copy_key: null,
    regenerate: null,
    agent_version: null,
    incarnation: null,
    status: null,
    created_at: now,
    last_seen_at: null,
  };
}

type JoinedRow = GuestRow & { origin_vmid: number | null };

function nameOf({ id, vmid }: JoinedRow): string {
  return vmid === null ? `the guest ${id}` : `guest ${vmid} (${id})`;
}

function toGuest(row: JoinedRow): StoredGuest {
  return {
    id: row.id,
    vmid: row.vmid,
    identity: row.identity,
    origin:
      row.origin_guest_id === null
        ? null
        : { id: row.origin_guest_id, vmid: row.origin_vmid, copyKey: row.copy_key },
    regenerate: readRegenerate(row.regenerate),
    agentVersion: row.agent_version,
    incarnation: row.incarnation === null ? null : incarnationSchema.parse(JSON.parse(row.incarnation)),
    status: row.status === null ? null : statusSchema.parse(JSON.parse(row.status)),
    lastSeenAt: row.last_seen_at,
  };
}
