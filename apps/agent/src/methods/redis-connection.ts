import type { ExecRequest } from '../engine/engine.ts';
import { holdMark } from './method.ts';

/**
 * Runs in the container, with the path of the server's configuration file (or nothing) as its first argument,
 * and then settings of its command line (`port 7000`) and names of where the password may be: a variable, a
 * file (`/run/secrets/redis`), or a variable that names one (`@REDIS_PASSWORD_FILE`). The password reaches the
 * client as REDISCLI_AUTH, so that it stands in no process list. Valkey's image has `redis-cli` too; where it
 * has not, `valkey-cli` takes the same options. On the loopback the server's certificate proves nothing, so
 * nobody asks for one; its own serves as the client's where it wants to see one.
 */
const clientScript = `
set -f
conf=$1; shift
settings=; sources=
[ -z "$conf" ] || [ ! -r "$conf" ] || settings=$(cat "$conf")
for given; do
  case $given in
    *' '*) settings="$settings
$given" ;;
    *) sources="$sources $given" ;;
  esac
done
setting() {
  wanted=$1; value=
  fields=$IFS; IFS='
'
  for line in $settings; do
    IFS=$fields
    set -- $line
    [ "\${1:-}" = "$wanted" ] || continue
    shift; value=$*
  done
  IFS=$fields
  value=\${value#[\\"\\']}; value=\${value%[\\"\\']}
}
content() { if [ -n "$1" ] && [ -r "$1" ]; then value=$(cat "$1"); fi; }
for source in REDISCLI_AUTH $sources - REDIS_PASSWORD VALKEY_PASSWORD @REDIS_PASSWORD_FILE @VALKEY_PASSWORD_FILE; do
  value=
  case $source in
    -) setting requirepass ;;
    @*) eval "content \\"\\\${\${source#@}:-}\\"" ;;
    */*) content "$source" ;;
    *) eval "value=\\\${$source:-}" ;;
  esac
  [ -z "$value" ] || break
done
if [ -n "$value" ]; then export REDISCLI_AUTH="$value"; else unset REDISCLI_AUTH; fi
setting port; port=\${value:-6379}
setting tls-port; tls=$value
setting unixsocket; socket=$value
if [ "$port" != 0 ]; then set -- -p "$port"
elif [ -n "$socket" ]; then set -- -s "$socket"
else
  set -- -p "\${tls:-6379}" --tls --insecure
  setting tls-cert-file; [ -z "$value" ] || set -- "$@" --cert "$value"
  setting tls-key-file; [ -z "$value" ] || set -- "$@" --key "$value"
fi
for client in redis-cli valkey-cli; do
  command -v $client >/dev/null && exec $client "$@" 2>&1
done
echo 'neither redis-cli nor valkey-cli is in its image' >&2
exit 127
`;

/** A client that speaks to the server which was started by this command. Holds where `marked`. */
export function redisClientRequest(command: readonly string[], options: { marked: boolean }): ExecRequest {
  const { conf, settings, passwords } = readCommand(command);
  const sources = passwords.map(passwordSource);
  const password = sources.findLast((source) => 'literal' in source)?.literal;
  return {
    argv: ['sh', '-c', clientScript, 'sh', conf, ...settings, ...sources.flatMap(nameOfSource)],
    env: {
      ...(options.marked && { [holdMark]: '1' }),
      ...(password !== undefined && { REDISCLI_AUTH: password }),
    },
  };
}

const option = /--(requirepass|port|tls-port|tls-cert-file|tls-key-file|unixsocket)\s+/;
const shellWord = /^(?:"\$\([^)]*\)"|\$\([^)]*\)|"[^"]*"|'[^']*'|[^\s"';&|]+)/;
const server = /(?:redis|valkey)-server/;

/** What the server was told on its command line, also inside a `sh -c "…"`. */
function readCommand(command: readonly string[]): {
  conf: string;
  settings: string[];
  passwords: string[];
} {
  const read = { conf: '', settings: [] as string[], passwords: [] as string[] };
  const take = (name: string, value: string): void => {
    if (name === 'requirepass') read.passwords.push(value);
    // What a shell will have filled in is not known here.
    else if (!value.includes('$')) read.settings.push(`${name} ${unquoted(value)}`);
  };
  for (const [index, argument] of command.entries()) {
    const next = command[index + 1];
    const name = option.exec(`${argument} `)?.[1];
    if (name !== undefined && argument === `--${name}` && next !== undefined) take(name, next);
    else if (server.test(argument) && argument.includes(' ')) {
      read.conf = /(?:redis|valkey)-server\s+["']?([^-\s"'$][^\s"']*)/.exec(argument)?.[1] ?? read.conf;
      for (const part of argument.split(/(?=\s--)/)) {
        const found = option.exec(part);
        const value = found && shellWord.exec(part.slice(found.index + found[0].length))?.[0];
        if (found?.[1] !== undefined && value) take(found[1], value);
      }
    } else if (argument.endsWith('.conf')) read.conf = argument;
    else if (server.test(argument) && next !== undefined && !next.startsWith('-')) read.conf = next;
  }
  return read;
}

/** `$NAME`, `"$(cat /run/secrets/redis)"`, `$(cat "$NAME_FILE")`, or the password itself. */
function passwordSource(value: string): { literal: string } | { from: string } {
  const inner = unquoted(value);
  const file = /^\$\((?:cat|<)\s*(.*?)\s*\)$/.exec(inner)?.[1];
  const name = /^\$\{?(\w+)[^}]*\}?$/.exec(unquoted(file ?? inner))?.[1];
  if (name !== undefined) return { from: file === undefined ? name : `@${name}` };
  return file === undefined ? { literal: inner } : { from: unquoted(file) };
}

function nameOfSource(source: ReturnType<typeof passwordSource>): string[] {
  return 'from' in source ? [source.from] : [];
}

function unquoted(value: string): string {
  return /^(["']).*\1$/.test(value) ? value.slice(1, -1) : value;
}
