import type { Account, Role } from '@tacet/protocol';
import type { Kysely } from 'kysely';
import type { AccountRow, Tables } from './schema.ts';

/** People who sign in. There is always one admin, once there is anybody. */
export class Accounts {
  readonly #db: Kysely<Tables>;

  constructor(db: Kysely<Tables>) {
    this.#db = db;
  }

  async list(): Promise<Account[]> {
    const rows = await this.#db.selectFrom('accounts').selectAll().orderBy('name').execute();
    return rows.map(toAccount);
  }

  /** Of their own: for whom a provider vouches may be nobody's admin. */
  async any(): Promise<boolean> {
    const own = this.#db.selectFrom('accounts').select('name').where('issuer', 'is', null);
    return (await own.limit(1).executeTakeFirst()) !== undefined;
  }

  async get(name: string): Promise<(Account & { readonly passwordHash: string }) | undefined> {
    const row = await this.#db.selectFrom('accounts').selectAll().where('name', '=', name).executeTakeFirst();
    return row && { ...toAccount(row), passwordHash: row.password_hash };
  }

  /** False where the name is taken, or for a first one where there is one of its own already. */
  async create(
    account: { name: string; role: Role; passwordHash: string; now: number },
    { first }: { first: boolean },
  ): Promise<boolean> {
    return await this.#db.transaction().execute(async (db) => {
      const others = await db.selectFrom('accounts').select(['name', 'issuer']).execute();
      if (first && others.some(({ issuer }) => issuer === null)) return false;
      if (others.some(({ name }) => name === account.name)) return false;
      const { name, role, passwordHash, now } = account;
      await db
        .insertInto('accounts')
        .values({ name, role, password_hash: passwordHash, created_at: now, last_login_at: null })
        .execute();
      return true;
    });
  }

  /**
   * Whom a provider vouches for: an account that is made at the first time, under a name that nobody has, and whose role
   * is from then on what the provider's groups say, also where no admin is left.
   */
  async vouchedFor(person: {
    issuer: string;
    subject: string;
    name: string;
    role: Role;
    now: number;
  }): Promise<{ name: string; hasChanged: boolean }> {
    const { issuer, subject, role, now } = person;
    return await this.#db.transaction().execute(async (db) => {
      const accounts = await db.selectFrom('accounts').selectAll().execute();
      const known = accounts.find((one) => one.issuer === issuer && one.subject === subject);
      if (known !== undefined) {
        if (known.role === role) return { name: known.name, hasChanged: false };
        await db.updateTable('accounts').set({ role }).where('name', '=', known.name).execute();
        return { name: known.name, hasChanged: true };
      }
      const name = freeName(person.name, new Set(accounts.map((one) => one.name)));
      await db
        .insertInto('accounts')
        // No password has this hash.
        .values({ name, role, password_hash: '', created_at: now, last_login_at: null, issuer, subject })
        .execute();
      return { name, hasChanged: false };
    });
  }

  async setPassword(name: string, passwordHash: string): Promise<void> {
    await this.#db
      .updateTable('accounts')
      .set({ password_hash: passwordHash })
      .where('name', '=', name)
      .execute();
  }

  async loggedIn(name: string, now: number): Promise<void> {
    await this.#db.updateTable('accounts').set({ last_login_at: now }).where('name', '=', name).execute();
  }

  /** Nobody would be left to decide who may do what: then nothing changes, and it says so. */
  async setRole(name: string, role: Role): Promise<'done' | 'last-admin'> {
    return await this.#db.transaction().execute(async (db) => {
      if (role !== 'admin' && (await isLastAdmin(db, name))) return 'last-admin';
      await db.updateTable('accounts').set({ role }).where('name', '=', name).execute();
      return 'done';
    });
  }

  /** As for a role. */
  async remove(name: string): Promise<'done' | 'last-admin'> {
    return await this.#db.transaction().execute(async (db) => {
      if (await isLastAdmin(db, name)) return 'last-admin';
      await db.deleteFrom('accounts').where('name', '=', name).execute();
      return 'done';
    });
  }
}

async function isLastAdmin(db: Kysely<Tables>, name: string): Promise<boolean> {
  const admins = await db.selectFrom('accounts').select('name').where('role', '=', 'admin').execute();
  return admins.length === 1 && admins[0]?.name === name;
}

function toAccount({ name, role, created_at, last_login_at, issuer }: AccountRow): Account {
  const account = { name, role, createdAt: created_at, lastLoginAt: last_login_at };
  return issuer === null ? account : { ...account, issuer };
}

/** Whoever has the name already stays who they are. */
function freeName(wanted: string, taken: ReadonlySet<string>): string {
  let name = wanted;
  for (let n = 2; taken.has(name); n += 1) name = `${wanted}-${n}`;
  return name;
}
