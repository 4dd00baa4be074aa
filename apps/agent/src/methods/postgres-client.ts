import { settingOf } from './container-setting.ts';
import type { SqlClientKind } from './sql-client.ts';

/**
 * By the conventions of the official image (and of those built on it) and of Bitnami's: the user, its password
 * and its database from the environment, each also as `…_FILE`. The local socket comes first; `postgres` is
 * the database that nearly always exists. Where Bitnami's image names another user, that is no superuser.
 */
const script = `${settingOf}
for bin in /usr/lib/postgresql/*/bin /opt/bitnami/postgresql/bin; do PATH="$PATH:$bin"; done
command -v psql >/dev/null || { echo 'there is no psql in this image' >&2; exit 127; }
PGUSER=postgres PGPASSWORD=$(setting POSTGRESQL_POSTGRES_PASSWORD POSTGRES_POSTGRES_PASSWORD)
if [ -z "$PGPASSWORD" ]; then
  PGUSER=$(setting POSTGRES_USER POSTGRESQL_USERNAME)
  PGPASSWORD=$(setting POSTGRES_PASSWORD POSTGRESQL_PASSWORD)
fi
export PGUSER="\${PGUSER:-postgres}" PGDATABASE=postgres PGCONNECT_TIMEOUT=5 PGAPPNAME=tacet
[ -n "$PGPASSWORD" ] && export PGPASSWORD || unset PGPASSWORD
if ! psql --no-psqlrc --no-password --command= </dev/null >/dev/null 2>&1; then
  PGDATABASE=$(setting POSTGRES_DB POSTGRESQL_DATABASE)
  PGDATABASE=\${PGDATABASE:-$PGUSER}
fi
exec psql --no-psqlrc --no-password --quiet --no-align --tuples-only --field-separator="$(printf '\\t')"
`;

/**
 * `psql`, which writes every answer out at once, also into a pipe (seen with 17), and ends when its
 * server does. It says by its own variables (11 and later) whether a statement was refused.
 */
export const psql: SqlClientKind = {
  script,
  // The local socket's `peer` asks for the operating system's user.
  users: ['postgres', undefined],
  greeting:
    "SELECT set_config(name, '0', false) FROM pg_settings " +
    "WHERE name IN ('statement_timeout', 'lock_timeout', 'idle_session_timeout');",
  mark: (mark) => `\\if :ERROR\n\\echo :LAST_ERROR_MESSAGE\n\\endif\n\\echo ${mark} :ERROR :SQLSTATE`,
  isLastWord: () => false,
  refusalIn: (lines) => {
    const [, failed = '', sqlCode = ''] = (lines.at(-1) ?? '').split(' ');
    if (failed === 'false') return undefined;
    const message = failed === 'true' ? lines.slice(0, -1).join(' ') : 'its psql is older than 11';
    return { sqlCode, message };
  },
  loginHint:
    'It is spoken to by psql in its container, as POSTGRES_USER with POSTGRES_PASSWORD (or POSTGRES_PASSWORD_FILE). ' +
    'If it cannot be let in, the label tacet.method=freeze holds it without a checkpoint.',
};
