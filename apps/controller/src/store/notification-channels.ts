import { type Channel, channelSchema } from '@tacet/protocol';
import type { Kysely } from 'kysely';
import { type OnUnreadable, readableRows } from './readable-rows.ts';
import type { NotificationChannelRow, Tables } from './schema.ts';

export interface StoredChannel {
  readonly name: string;
  readonly channel: Channel;
  /** Sealed; of no use to anybody without the key. */
  readonly sealed: string;
  readonly version: number;
  readonly changedAt: number;
}

export class NotificationChannels {
  readonly #db: Kysely<Tables>;

  constructor(db: Kysely<Tables>) {
    this.#db = db;
  }

  /** By name. What cannot be read, as from another version, goes to `onUnreadable`. */
  async list(onUnreadable: OnUnreadable): Promise<StoredChannel[]> {
    const rows = await this.#db.selectFrom('notification_channels').selectAll().orderBy('name').execute();
    return readableRows(rows, ({ name }) => name, read, onUnreadable);
  }

  async put({ name, channel, sealed, version, changedAt }: StoredChannel): Promise<void> {
    const values = { version, changed_at: changedAt, spec: JSON.stringify(channel), secrets: sealed };
    await this.#db
      .insertInto('notification_channels')
      .values({ name, ...values })
      .onConflict((conflict) => conflict.column('name').doUpdateSet(values))
      .execute();
  }

  /** With a key that is newer. */
  async reseal(name: string, sealed: string): Promise<void> {
    await this.#db
      .updateTable('notification_channels')
      .set({ secrets: sealed })
      .where('name', '=', name)
      .execute();
  }

  /** With all that was to be sent through it. */
  async delete(name: string): Promise<void> {
    await this.#db.deleteFrom('notification_channels').where('name', '=', name).execute();
  }
}

function read(row: NotificationChannelRow): StoredChannel {
  return {
    name: row.name,
    channel: channelSchema.parse(JSON.parse(row.spec)),
    sealed: row.secrets,
    version: row.version,
    changedAt: row.changed_at,
  };
}
