import { TacetError, withDeadline } from '@tacet/runtime';
import type { HoldRecord } from '../journal/schemas.ts';
import type { MariaDbServer } from './mariadb-server.ts';
import { enterFirstStages, enterLastStage, leaveLastStage, leaveStages, stageOf } from './mariadb-stages.ts';
import { longestStatement } from './mariadb-statements.ts';
import { holdMark, type MethodPorts, type ServiceHold } from './method.ts';
import { type SqlClient, SqlRefusal } from './sql-client.ts';

/**
 * A lock that has to wait makes writers wait with it, so it is given up soon. Whole seconds, because that is
 * what `lock_wait_timeout` counts.
 */
export const lockWaitMs = 2_000;
const lockWaitSeconds = lockWaitMs / 1_000;

/** For giving up a lock that was not granted. */
const letGoMs = 2_000;

/** `lock_wait_timeout` and MariaDB's `max_statement_time` exceeded. */
const waitedInVain: ReadonlySet<string> = new Set(['1205', '1969']);

const accessDenied = '1227';

/**
 * The lock belongs to one kept session and dies with it: whatever ends that client releases the server. So
 * there is nothing to renew, and a fresh process needs nothing but to see the client gone.
 */
export class MariaDbLock implements ServiceHold {
  readonly record: HoldRecord;
  readonly #ports: MethodPorts;
  readonly #server: MariaDbServer;
  #entered: 'backup-stages' | 'read-lock' | 'nothing' | undefined;
  #connection: string | undefined;

  constructor(record: HoldRecord, ports: MethodPorts, server: MariaDbServer) {
    this.record = record;
    this.#ports = ports;
    this.#server = server;
  }

  /** Up to the stage that blocks DDL: nobody who only writes waits for it, and it waits for who does. */
  async approach(signal: AbortSignal): Promise<void> {
    if (this.#entered !== undefined) return;
    const client = await this.#server.clients.main(signal);
    await this.#orGiveUp(client, signal, async () => {
      const { way } = await this.#server.facts(signal);
      this.#connection = await connectionOf(client, signal);
      if (way !== 'backup-stages') return;
      this.#entered = way;
      const wait = `lock_wait_timeout = ${lockWaitSeconds}, max_statement_time = ${lockWaitSeconds}`;
      await client.ask(`SET SESSION ${wait};`, signal);
      await enterFirstStages(client, signal);
    });
  }

  async hold(_leaseMs: number, signal: AbortSignal): Promise<void> {
    await this.approach(signal);
    const client = await this.#server.clients.main(signal);
    await this.#orGiveUp(client, signal, () => this.#enter(client, signal));
  }

  async renew(): Promise<void> {
    // It lasts for as long as its session.
  }

  async isHeld(signal: AbortSignal): Promise<boolean> {
    const client = this.#server.clients.kept;
    if (!client || this.#entered === undefined) return false;
    try {
      // Only a session that stands in its last stage refuses that stage so.
      if (this.#entered === 'backup-stages') return (await stageOf(client, signal)) === 'held';
      return (await connectionOf(client, signal)) === this.#connection;
    } catch (error) {
      // Its client has ended, and the lock with it.
      if (!client.isUsable && !signal.aborted) return false;
      throw error;
    }
  }

  async letGo(signal: AbortSignal): Promise<boolean> {
    const client = this.#server.clients.kept;
    if (!client || this.#entered === undefined) return false;
    switch (this.#entered) {
      case 'backup-stages':
        return await leaveLastStage(client, signal);
      case 'read-lock':
        return (await connectionOf(client, signal, 'UNLOCK TABLES;')) === this.#connection;
      case 'nothing':
        return (await connectionOf(client, signal)) === this.#connection;
    }
  }

  async thaw(signal: AbortSignal): Promise<void> {
    const client = this.#server.clients.kept;
    if (client) {
      try {
        await this.#leave(client, signal);
        return;
      } catch (error) {
        signal.throwIfAborted();
        this.#ports.logger.warn('the session that holds does not answer: ending it', {
          ...this.record,
          error,
        });
      }
    }
    await this.#server.close();
    await this.#ports.processes.killMarked(this.record.cgroup, holdMark, signal);
    this.#entered = undefined;
  }

  async close(): Promise<void> {
    await this.#server.close();
  }

  async #enter(client: SqlClient, signal: AbortSignal): Promise<void> {
    const { way, lazyMs } = await this.#server.facts(signal);
    const isNeeded = await this.#server.needsLock(signal);
    if (way === 'backup-stages') {
      await enterLastStage(client, signal);
    } else if (way === 'read-lock' && isNeeded) {
      this.#entered = way;
      await client.ask(`SET SESSION lock_wait_timeout = ${lockWaitSeconds};`, signal);
      await client.ask('FLUSH TABLES WITH READ LOCK;', signal);
    } else if (isNeeded) {
      throw noPrivilege();
    } else {
      this.#entered = 'nothing';
      return;
    }
    // Commits stand still, and the last of them may still be in the server's memory.
    if (lazyMs !== null) await client.ask('FLUSH LOCAL ENGINE LOGS;', signal);
  }

  /** What fails leaves nothing locked, and says what it failed of. */
  async #orGiveUp(client: SqlClient, signal: AbortSignal, work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      const reason = await this.#explain(error, client, signal);
      await this.#giveUp();
      throw signal.aborted ? signal.reason : reason;
    }
  }

  async #leave(client: SqlClient, signal: AbortSignal): Promise<void> {
    if (this.#entered === 'backup-stages') await leaveStages(client, signal);
    if (this.#entered === 'read-lock') await client.ask('UNLOCK TABLES;', signal);
    this.#entered = undefined;
  }

  /** Never rejects. */
  async #explain(error: unknown, client: SqlClient, signal: AbortSignal): Promise<unknown> {
    if (!(error instanceof SqlRefusal)) return error;
    if (error.sqlCode === accessDenied) return noPrivilege(error);
    if (!waitedInVain.has(error.sqlCode)) return error;
    return new TacetError(
      `its lock was not granted within ${lockWaitMs} ms; ${await this.#whatRuns(client, signal)}`,
      {
        code: 'hold-failed',
        retryable: true,
        hint: 'Choose a time at which no such statement runs, or hold the service without its lock: tacet.method=freeze.',
        cause: error,
      },
    );
  }

  async #whatRuns(client: SqlClient, signal: AbortSignal): Promise<string> {
    try {
      const withReads = this.#entered === 'read-lock';
      const statement = await longestStatement(client, { withReads }, signal);
      return statement
        ? `running for longest: ${statement.description}`
        : 'no statement is seen in its way, so another backup may hold it';
    } catch (error) {
      this.#ports.logger.info('what runs could not be seen', { ...this.record, error });
      return 'what is in its way could not be seen';
    }
  }

  /** A lock that came about in part must not stay. Never rejects: its caller has an error of its own. */
  async #giveUp(): Promise<void> {
    using deadline = withDeadline(undefined, letGoMs, 'giving up the lock', this.#ports.clock);
    try {
      await this.thaw(deadline.signal);
    } catch (error) {
      this.#ports.logger.error('a lock that was not granted may not be released', { ...this.record, error });
    }
  }
}

/** `thenDo` is carried out by the same session, whatever the answer. */
async function connectionOf(client: SqlClient, signal: AbortSignal, thenDo = ''): Promise<string> {
  return (await client.ask(`SELECT CONNECTION_ID();${thenDo}`, signal))[0]?.[0] ?? '';
}

function noPrivilege(cause?: unknown): TacetError {
  return new TacetError('its user may not lock it', {
    code: 'hold-failed',
    hint: 'GRANT RELOAD, PROCESS ON *.* to its user, give the container the password of root, or set tacet.method=freeze.',
    cause,
  });
}
