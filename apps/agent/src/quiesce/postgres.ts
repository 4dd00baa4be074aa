import { TacetError } from '@tacet/runtime';
import { FreezeHold } from './freeze.ts';
import type { ExecResult } from '../engine/engine.ts';

/** A checkpoint that took longer left much behind for the next one to write. */
const longCheckpointMs = 2_000;

/**
 * Runs in the container, where the conventions of the official image (and of those built on it) can be read:
 * POSTGRES_USER, POSTGRES_DB, POSTGRES_PASSWORD, each also as `…_FILE`. The password reaches psql through its
 * environment. The local socket comes first; `postgres` is the database that nearly always exists.
 */
const checkpointScript = `
from() { eval "value=\\\${$1:-}; file=\\\${$1_FILE:-}"; if [ -z "$value" ] && [ -r "$file" ]; then value=$(cat "$file"); fi; printf %s "$value"; }
PGUSER=$(from POSTGRES_USER); export PGUSER="\${PGUSER:-postgres}"
database=$(from POSTGRES_DB); password=$(from POSTGRES_PASSWORD)
[ -z "$password" ] || export PGPASSWORD="$password"
export PGCONNECT_TIMEOUT=5 PGAPPNAME=tacet
for bin in /usr/lib/postgresql/*/bin /opt/bitnami/postgresql/bin; do PATH="$PATH:$bin"; done
status=1
for name in postgres "\${database:-$PGUSER}"; do
  psql --no-psqlrc --quiet --no-password --dbname="$name" --command=CHECKPOINT; status=$?
  [ $status -ne 0 ] || exit 0
  [ $status -eq 2 ] || exit $status
done
exit $status
`;

/**
 * PostgreSQL needs no lock: an atomic snapshot keeps every acknowledged write (its WAL is fsynced before the
 * acknowledgement). The checkpoint makes the recovery quick, the freeze gives one instant for the stack.
 */
export class PostgresHold extends FreezeHold {
  override async prepare(signal: AbortSignal): Promise<void> {
    const { clock } = this.ports;
    const startedMs = clock.monotonicMs();
    await this.#checkpoint(signal);
    if (clock.monotonicMs() - startedMs > longCheckpointMs) await this.#checkpoint(signal);
  }

  async #checkpoint(signal: AbortSignal): Promise<void> {
    const result = await this.#psql(signal);
    if (result.exitCode === 0) return;
    const said = result.stderr.trim() || result.stdout.trim() || `exit code ${result.exitCode}`;
    throw new TacetError(`CHECKPOINT failed: ${said}`, {
      code: 'prepare-failed',
      hint: 'The role of POSTGRES_USER needs to be a superuser or a member of pg_checkpoint.',
    });
  }

  /** As OS user postgres where there is one, which the local socket's `peer` asks for; else as the image's. */
  async #psql(signal: AbortSignal): Promise<ExecResult> {
    const argv = ['sh', '-c', checkpointScript];
    const { engine } = this.ports;
    try {
      const result = await engine.exec(this.record.containerId, { argv, user: 'postgres' }, signal);
      if (!hasNoSuchUser(result.stderr + result.stdout)) return result;
    } catch (error) {
      if (!(error instanceof Error) || !hasNoSuchUser(error.message)) throw error;
    }
    return await engine.exec(this.record.containerId, { argv }, signal);
  }
}

/** The engine's words (Docker 26), as an error or as the process's output. */
function hasNoSuchUser(text: string): boolean {
  return text.includes('unable to find user');
}
