import type { DataMarker, ServiceLabels } from '@tacet/protocol';
import { describeError, TacetError } from '@tacet/runtime';
import type { HoldRecord } from '../journal/schemas.ts';
import type {
  Discovery,
  EngineMethod,
  Flush,
  Inspection,
  InspectionBudget,
  MethodPorts,
  MethodTarget,
  ServiceHold,
} from './method.ts';
import { SqliteClient, type SqliteGuest, thisGuest } from './sqlite-client.ts';
import { SqliteLock } from './sqlite-lock.ts';
import { damageOrThrow, readSqliteDatabase } from './sqlite-marker.ts';

/** Each costs a process of a few MiB. */
const mostDatabases = 64;

/** Who waits longer for readers keeps writers waiting too. */
const truncateBusyMs = 100;

/** By itself SQLite tries from 4 MB on (1000 pages). */
const longWalBytes = 16 * 1024 ** 2;

/** Bounded by what an application's transaction takes, and not known before. */
const quickHoldMs = 5;

/** `quick_check` reads a file as a whole: for a marker only where that is soon done, in a copy if need be. */
const mostMarkedBytes = 16 * 1024 ** 2;
const mostCheckedBytes = 1024 ** 3;

interface OpenDatabase {
  /** The path in the container. */
  name: string;
  path: string;
  client: SqliteClient;
  isWal: boolean;
}

interface Databases {
  count: number;
  open: OpenDatabase[];
  notes: string[];
}

/**
 * SQLite, in whatever container has a database open. It survives an atomic copy in every journal mode but OFF
 * and MEMORY, so the freeze is hold enough; a checkpoint before it makes the copy's files complete by themselves.
 * The lock is for stacks that are not frozen.
 */
export class SqliteMethod implements EngineMethod {
  readonly lock: SqliteLock;
  /** Who asked for the lock would keep its application from having it. */
  readonly probe = undefined;
  readonly #target: MethodTarget;
  readonly #ports: MethodPorts;
  readonly #guest: SqliteGuest;
  #databases: Promise<Databases> | undefined;

  constructor(
    target: MethodTarget,
    ports: MethodPorts,
    _labels: ServiceLabels,
    guest: SqliteGuest = thisGuest,
  ) {
    const { stack, service, container, cgroup } = target;
    this.#target = target;
    this.#ports = ports;
    this.#guest = guest;
    this.lock = new SqliteLock(
      { stack, service, containerId: container.id, action: 'lock', method: 'sqlite', cgroup },
      async (signal) => {
        const { open, notes } = await this.#open(signal);
        if (notes.length > 0) refuseToLock(notes);
        return open;
      },
    );
  }

  async discover(signal: AbortSignal): Promise<Discovery> {
    const { count, open, notes } = await this.#open(signal);
    const unseen = open.filter(({ isWal }) => !isWal).map(({ name }) => name);
    return {
      engine: count === 1 ? 'SQLite, 1 database' : `SQLite, ${count} databases`,
      predictedHoldMs: quickHoldMs,
      notes: [
        ...notes,
        ...(await this.#longLogs(open)),
        ...(unseen.length === 0
          ? []
          : [
              `${unseen.join(', ')}: safe to copy unless its application has set journal_mode to OFF or MEMORY, which nobody else can see`,
            ]),
      ],
    };
  }

  async prepare(signal: AbortSignal): Promise<Flush> {
    const { open, notes } = await this.#open(signal);
    const flushed = await Promise.all(
      open.filter(({ isWal }) => isWal).map((database) => this.#checkpoint(database, signal)),
    );
    const sum = flushed.reduce((total, bytes) => total + bytes, 0);
    const bytesFlushed = open.length === 0 && notes.length > 0 ? null : sum;
    return { bytesFlushed, predictedHoldMs: quickHoldMs, behindSince: null };
  }

  /** The files of an earlier marker are looked for where they were, whether somebody has them open or not. */
  async marker(signal: AbortSignal, of?: DataMarker): Promise<DataMarker> {
    const files = of?.engine === 'sqlite' ? of.databases : (await this.#open(signal)).open;
    const mostBytes = of ? mostCheckedBytes : mostMarkedBytes;
    const databases = await Promise.all(
      files.map((file) => readSqliteDatabase(file, this.#guest, mostBytes, signal)),
    );
    return { engine: 'sqlite', databases };
  }

  /** A marker has `quick_check` already; deeper, indexes are held against their tables. */
  async inspect({ depth }: InspectionBudget, signal: AbortSignal): Promise<Inspection> {
    if (depth === 'quick') return { looked: [], findings: [] };
    const { open, notes } = await this.#open(signal);
    const findings = await Promise.all(
      open.map(async ({ name, client }) => {
        const said = await client.ask('PRAGMA integrity_check;', signal).catch(damageOrThrow);
        if (said[0] === 'ok') return [];
        const because = 'the file contradicts itself';
        return [{ marker: `integrity_check of ${name}`, expected: 'ok', found: said.join('; '), because }];
      }),
    );
    return { looked: [`integrity_check of ${open.length} databases`, ...notes], findings: findings.flat() };
  }

  async close(): Promise<void> {
    const databases = this.#databases;
    this.#databases = undefined;
    // Where they could not be opened there is nothing to close.
    const { open } = (await databases?.catch(() => undefined)) ?? { open: [] };
    await Promise.all(open.map(({ client }) => client[Symbol.asyncDispose]()));
  }

  async #open(signal: AbortSignal): Promise<Databases> {
    this.#databases ??= this.#openAll(signal);
    try {
      return await this.#databases;
    } catch (error) {
      this.#databases = undefined;
      throw error;
    }
  }

  async #openAll(signal: AbortSignal): Promise<Databases> {
    const files = await this.#ports.processes.sqliteFiles(this.#target.cgroup);
    const wanted = files.slice(0, mostDatabases);
    const opened = await Promise.allSettled(wanted.map((file) => this.#openOne(file, signal)));
    const databases: Databases = { count: files.length, open: [], notes: [] };
    for (const [index, result] of opened.entries()) {
      if (result.status === 'fulfilled') databases.open.push(result.value);
      else if (TacetError.is(result.reason, 'not-found')) databases.notes = [missingNote];
      else databases.notes.push(`${wanted[index]?.name}: ${inWords(result.reason)}: not checkpointed`);
    }
    if (files.length > mostDatabases) {
      databases.notes.push(`${files.length - mostDatabases} more databases: not checkpointed`);
    }
    if (!signal.aborted) return databases;
    await Promise.all(databases.open.map(({ client }) => client[Symbol.asyncDispose]()));
    throw signal.reason;
  }

  async #openOne({ name, path }: { name: string; path: string }, signal: AbortSignal): Promise<OpenDatabase> {
    const client = await SqliteClient.open(path, this.#guest.start, signal);
    try {
      const [mode] = await client.ask('PRAGMA journal_mode;', signal);
      return { name, path, client, isWal: mode === 'wal' };
    } catch (error) {
      await client[Symbol.asyncDispose]();
      throw error;
    }
  }

  /**
   * Nearly all of it by a passive checkpoint, which keeps nobody waiting; then what is left and the truncation,
   * which do for a moment.
   * @returns what has gone from the log into the database
   */
  async #checkpoint({ client, name }: OpenDatabase, signal: AbortSignal): Promise<number> {
    const [pageBytes] = await client.ask('PRAGMA page_size;', signal);
    const passive = await client.ask('PRAGMA wal_checkpoint(PASSIVE);', signal);
    const [, , moved = 0] = numbersIn(passive[0]);
    const truncated = await client.ask(
      `.timeout ${truncateBusyMs}\nPRAGMA wal_checkpoint(TRUNCATE);`,
      signal,
    );
    const [busy = 0, logged = 0, checkpointed = 0] = numbersIn(truncated[0]);
    if (busy !== 0 || checkpointed < logged) {
      this.#ports.logger.info('a part of the write-ahead log stays: somebody reads or writes', {
        ...this.lock.record,
        database: name,
        pages: logged - checkpointed,
      });
    }
    return Math.max(0, moved) * Number(pageBytes);
  }

  async #longLogs(open: readonly OpenDatabase[]): Promise<string[]> {
    const notes = await Promise.all(
      open.map(async ({ name, path, isWal }) => {
        const bytes = isWal ? await this.#guest.fileBytes(`${path}-wal`) : 0;
        if (bytes < longWalBytes) return [];
        return [`${name}: its write-ahead log has grown to ${Math.round(bytes / 1024 ** 2)} MiB`];
      }),
    );
    return notes.flat();
  }
}

/** Its lock ends with the process that has it, which ends with the agent that started it: nothing is left. */
export function inheritedSqliteLock(
  record: HoldRecord,
  _ports: MethodPorts,
  _leaseExpiresAt: number,
): ServiceHold {
  return new SqliteLock(record, async () => []);
}

const missingNote =
  'sqlite3 is not installed in the guest (apt install sqlite3): not checkpointed, held by freezing';

function refuseToLock(notes: readonly string[]): never {
  throw new TacetError(notes.join('; '), {
    code: 'hold-failed',
    hint: 'Leave tacet.policy at sweep: freezing its container is enough for SQLite.',
  });
}

/** SQLITE_BUSY at the first look means that somebody has all of it. */
function inWords(error: unknown): string {
  const said = describeError(error);
  return said.includes('database is locked') ? 'its application keeps it to itself' : said;
}

function numbersIn(row: string | undefined): number[] {
  return (row ?? '').split('|').map(Number);
}
