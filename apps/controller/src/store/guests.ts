import { type GuestStatus, type Incarnation, incarnationSchema, statusSchema } from '@tacet/protocol';
import type { Kysely, Selectable } from 'kysely';
import type { GuestRow, Tables } from './schema.ts';

/** A copy of a guest as the store knows it, with its last picture. */
export interface StoredGuest {
  readonly id: string;
  readonly vmid: number | null;
  readonly identity: GuestRow['identity'];
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

export class Guests {
  readonly #db: Kysely<Tables>;

  constructor(db: Kysely<Tables>) {
    this.#db = db;
  }

  async list(): Promise<StoredGuest[]> {
    const rows = await this.#db
      .selectFrom('guests')
      .selectAll()
      .orderBy('vmid')
      .orderBy('created_at')
      .execute();
    return rows.map(toGuest);
  }

  async byCredential(hash: string): Promise<StoredGuest | undefined> {
    const row = await this.#db
      .selectFrom('guests')
      .selectAll()
      .where('credential_hash', '=', hash)
      .executeTakeFirst();
    return row && toGuest(row);
  }

  async enrolled(vmid: number): Promise<StoredGuest | undefined> {
    const row = await this.#db
      .selectFrom('guests')
      .selectAll()
      .where('vmid', '=', vmid)
      .where('identity', '=', 'enrolled')
      .executeTakeFirst();
    return row && toGuest(row);
  }

  async quarantined(originId: string, copyKey: string): Promise<StoredGuest | undefined> {
    const row = await this.#db
      .selectFrom('guests')
      .selectAll()
      .where('origin_guest_id', '=', originId)
      .where('copy_key', '=', copyKey)
      .executeTakeFirst();
    return row && toGuest(row);
  }

  /**
   * Makes it the one that bears its VMID. Whoever claimed that before is forgotten, credential and all: a
   * node has only one guest of a number. @returns the ids of those.
   */
  async enrol({ id, vmid, credentialHash, now }: NewGuest): Promise<string[]> {
    return await this.#db.transaction().execute(async (db) => {
      const displaced = await db.deleteFrom('guests').where('vmid', '=', vmid).returning('id').execute();
      await db
        .insertInto('guests')
        .values({ ...empty(id, now), vmid, identity: 'enrolled', credential_hash: credentialHash })
        .execute();
      return displaced.map((row) => row.id);
    });
  }

  async quarantine(copy: {
    id: string;
    vmid: number | null;
    originId: string;
    copyKey: string;
    now: number;
  }): Promise<void> {
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
}

function empty(id: string, now: number): GuestRow {
  return {
    id,
    vmid: null,
    identity: 'enrolled',
    credential_hash: null,
    origin_guest_id: null,
    copy_key: null,
    agent_version: null,
    incarnation: null,
    status: null,
    created_at: now,
    last_seen_at: null,
  };
}

function toGuest(row: Selectable<GuestRow>): StoredGuest {
  return {
    id: row.id,
    vmid: row.vmid,
    identity: row.identity,
    agentVersion: row.agent_version,
    incarnation: row.incarnation === null ? null : incarnationSchema.parse(JSON.parse(row.incarnation)),
    status: row.status === null ? null : statusSchema.parse(JSON.parse(row.status)),
    lastSeenAt: row.last_seen_at,
  };
}
