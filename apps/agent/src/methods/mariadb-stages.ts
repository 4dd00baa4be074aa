import { type SqlClient, SqlRefusal } from './sql-client.ts';

/** The last one blocks every commit; those before it cost the writers nothing or little. */
const stages = ['START', 'FLUSH', 'BLOCK_DDL', 'BLOCK_COMMIT'];

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
 * in an earlier stage does it go on (`entered`).
 */
export async function stageOf(
  client: SqlClient,
  signal: AbortSignal,
): Promise<(typeof answers)[keyof typeof answers] | 'entered'> {
  try {
    await client.ask(lastStage, signal);
    return 'entered';
  } catch (error) {
    if (error instanceof SqlRefusal && isKnown(error.sqlCode)) return answers[error.sqlCode];
    throw error;
  }
}

/** One by one, so that a refused one is the last. */
export async function enterStages(client: SqlClient, signal: AbortSignal): Promise<void> {
  for (const stage of stages) await client.ask(`BACKUP STAGE ${stage};`, signal);
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
