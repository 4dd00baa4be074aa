import { type SqlClient, SqlRefusal } from './sql-client.ts';

/** They cost the writers nothing or little; the one after them blocks every commit. */
const firstStages = ['START', 'FLUSH', 'BLOCK_DDL'];

const lastStage = 'BACKUP STAGE BLOCK_COMMIT;';

/** Error numbers of MariaDB's `errmsg` (10.4 and later). */
const answers = {
  '1064': 'unknown-statement',
  '1227': 'no-privilege',
  '4146': 'none',
  '4147': 'held',
} as const;

/**
 * Asks for the last stage. Without a backup the server refuses, and in that stage it refuses too, with another
 * number: so this tells without doing anything whether this very session holds. Only where a session stands
 * in an earlier stage does it go on (`entered`). `thenDo` is carried out by the same session, whatever the answer.
 */
export async function stageOf(
  client: SqlClient,
  signal: AbortSignal,
  thenDo = '',
): Promise<(typeof answers)[keyof typeof answers] | 'entered'> {
  try {
    await client.ask(`${lastStage}${thenDo}`, signal);
    return 'entered';
  } catch (error) {
    if (error instanceof SqlRefusal && isKnown(error.sqlCode)) return answers[error.sqlCode];
    throw error;
  }
}

/** One by one, so that a refused one is the last. */
export async function enterFirstStages(client: SqlClient, signal: AbortSignal): Promise<void> {
  for (const stage of firstStages) await client.ask(`BACKUP STAGE ${stage};`, signal);
}

/** Success also where it is there already. */
export async function enterLastStage(client: SqlClient, signal: AbortSignal): Promise<void> {
  try {
    await client.ask(lastStage, signal);
  } catch (error) {
    if (!(error instanceof SqlRefusal) || error.sqlCode !== '4147') throw error;
  }
}

/** @returns whether it was there until now. The client goes on after a refusal, so both are one question. */
export async function leaveLastStage(client: SqlClient, signal: AbortSignal): Promise<boolean> {
  return (await stageOf(client, signal, 'BACKUP STAGE END;')) === 'held';
}

/** Success also where there is nothing to leave. */
export async function leaveStages(client: SqlClient, signal: AbortSignal): Promise<void> {
  try {
    await client.ask('BACKUP STAGE END;', signal);
  } catch (error) {
    if (!(error instanceof SqlRefusal) || error.sqlCode !== '4146') throw error;
  }
}

function isKnown(code: string): code is keyof typeof answers {
  return code in answers;
}
