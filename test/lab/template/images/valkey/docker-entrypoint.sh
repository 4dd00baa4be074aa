#!/bin/sh
# The official image's conventions: data in /data, the server as user valkey and PID 1, and no protected mode
# (theirs is compiled out, because the network of the stack is the protection).
set -eu

case "$1" in
  -* | *.conf) set -- valkey-server "$@" ;;
esac
[ "$1" = valkey-server ] || exec "$@"

if [ "$(id -u)" = 0 ]; then
  find . ! -user valkey -exec chown valkey:valkey {} +
  exec gosu valkey "$0" "$@"
fi

umask 0077
exec "$@" --protected-mode no
