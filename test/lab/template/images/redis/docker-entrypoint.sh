#!/bin/sh
# The official image's conventions: data in /data, the server as user redis and PID 1, and no protected mode
# (theirs is compiled out, because the network of the stack is the protection).
set -eu

case "$1" in
  -* | *.conf) set -- redis-server "$@" ;;
esac
[ "$1" = redis-server ] || exec "$@"

if [ "$(id -u)" = 0 ]; then
  find . ! -user redis -exec chown redis:redis {} +
  exec gosu redis "$0" "$@"
fi

umask 0077
exec "$@" --protected-mode no
