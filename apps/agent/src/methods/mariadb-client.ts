import { settingOf } from './container-setting.ts';
import type { SqlClientKind } from './sql-client.ts';

/** An answer is written out at once, a refusal is no end, and a lost server is not found again by itself. */
const options = '--batch --skip-column-names --unbuffered --force --skip-reconnect --connect-timeout=5';

/**
 * By the conventions of the official images of MariaDB and MySQL and of Bitnami's: root by its password, also
 * as `…_FILE`, over the local socket; without a password in sight by the socket alone (`unix_socket`, an empty
 * password), else as the application's user, who may do little. Refusals are wanted among the answers.
 */
const script = `${settingOf}
PATH="$PATH:/opt/bitnami/mariadb/bin:/opt/bitnami/mysql/bin"
client=$(command -v mariadb || command -v mysql) || {
  echo 'there is no mariadb or mysql client in this image' >&2
  exit 127
}
user=root MYSQL_PWD=$(setting MARIADB_ROOT_PASSWORD MYSQL_ROOT_PASSWORD)
application=$(setting MARIADB_USER MYSQL_USER)
if [ -z "$MYSQL_PWD" ] && [ -n "$application" ]; then
  if ! "$client" --user=root --connect-timeout=5 --execute='DO 1' </dev/null >/dev/null 2>&1; then
    user=$application MYSQL_PWD=$(setting MARIADB_PASSWORD MYSQL_PASSWORD)
  fi
fi
[ -n "$MYSQL_PWD" ] && export MYSQL_PWD || unset MYSQL_PWD
exec "$client" --user="$user" ${options} 2>&1
`;

/** `ERROR 1045 (28000): …`; behind a statement it is `ERROR 1205 (HY000) at line 7: …`. */
const errorPattern = /^ERROR (\d+) \(\w{5}\)( at line \d+)?: (.*)$/;

/** The client's own errors: no server is there any more (2006, 2013), or never was (2002). */
const clientErrors = 2_000;

/** `mariadb`, or `mysql` where that is what the image has: they understand the same. */
export const mariadbClient: SqlClientKind = {
  script,
  users: [undefined],
  // An idle session must live longer than any hold.
  greeting: 'SET SESSION wait_timeout = 28800, autocommit = 1;',
  mark: (mark) => `SELECT '${mark}';`,
  isLastWord: (line) => {
    const [found, number, atLine] = errorPattern.exec(line) ?? [];
    return (
      found !== undefined &&
      (atLine === undefined || Math.floor(Number(number) / 1_000) * 1_000 === clientErrors)
    );
  },
  refusalIn: (lines) => {
    for (const line of lines) {
      const [found, sqlCode = '', , message = ''] = errorPattern.exec(line) ?? [];
      if (found !== undefined) return { sqlCode, message };
    }
    return undefined;
  },
  loginHint:
    'It is spoken to by the client in its container, as root with MARIADB_ROOT_PASSWORD or MYSQL_ROOT_PASSWORD ' +
    '(or …_FILE). If it cannot be let in, the label tacet.method=freeze holds it without its lock.',
};
