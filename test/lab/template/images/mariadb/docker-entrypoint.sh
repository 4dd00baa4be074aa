#!/bin/sh
# The official image's conventions: MARIADB_ROOT_PASSWORD, MARIADB_DATABASE, MARIADB_USER and MARIADB_PASSWORD
# at the first start, each also as ..._FILE; root with that password over the local socket and the network,
# the server as user mysql and PID 1.
set -eu

[ "${1#-}" = "$1" ] || set -- mariadbd "$@"
case "$1" in
  mariadbd | mysqld) ;;
  *) exec "$@" ;;
esac

if [ "$(id -u)" = 0 ]; then
  find /var/lib/mysql ! -user mysql -exec chown mysql:mysql {} +
  exec gosu mysql "$0" "$@"
fi

# The value of a variable, or the content of the file that NAME_FILE names.
setting() {
  eval "value=\${$1:-} file=\${$1_FILE:-}"
  [ -z "$file" ] || value=$(cat "$file")
  printf %s "$value"
}

# The same as an SQL string.
quoted() { printf "'%s'" "$(setting "$1" | sed -e 's/\\/\\\\/g' -e "s/'/''/g")"; }

if [ ! -d /var/lib/mysql/mysql ]; then
  if [ -z "$(setting MARIADB_ROOT_PASSWORD)" ]; then
    echo 'Error: Database is uninitialized and password option is not specified.' >&2
    exit 1
  fi
  database=$(setting MARIADB_DATABASE)
  user=$(setting MARIADB_USER)
  mariadb-install-db --auth-root-authentication-method=normal --skip-test-db >/dev/null
  mariadbd --bootstrap <<SQL
DELETE FROM mysql.global_priv WHERE User = 'root' AND Host <> 'localhost';
FLUSH PRIVILEGES;
ALTER USER root@localhost IDENTIFIED BY $(quoted MARIADB_ROOT_PASSWORD);
CREATE USER root@'%' IDENTIFIED BY $(quoted MARIADB_ROOT_PASSWORD);
GRANT ALL ON *.* TO root@'%' WITH GRANT OPTION;
${database:+CREATE DATABASE \`$database\`;}
${user:+CREATE USER $(quoted MARIADB_USER)@'%' IDENTIFIED BY $(quoted MARIADB_PASSWORD);}
${user:+${database:+GRANT ALL ON \`$database\`.* TO $(quoted MARIADB_USER)@'%';}}
SQL
  echo 'MariaDB init process done. Ready for start up.'
fi

exec "$@"
