import type { Engine, EngineContainer } from '../engine/engine.ts';
import type { Inspection } from './method.ts';
import type { RedisClient } from './redis-client.ts';
import type { Persistence } from './redis-facts.ts';

/**
 * `redis-check-aof` and `redis-check-rdb`, which change nothing unless told to. A dump comes by a rename, and what is
 * appended comes in whole commands, so both can be read while the server writes. What is gone when it was to be read
 * was replaced meanwhile. Says a line for each file: `sound`, `DAMAGED` or `missing-tool`, its name, the last words.
 */
const script = `
tool() { command -v "redis-check-$1" || command -v "valkey-check-$1"; }
words() { echo "$1" | grep -iE 'error|wrong|expected|crc|not valid' | tail -n 3; }
look() {
  check=$(tool "$1") || { echo "missing-tool $2"; return; }
  [ -e "$2" ] || return
  said=$("$check" "$2" 2>&1) && { echo "sound $2"; return; }
  [ -e "$2" ] && echo "DAMAGED $2 $(words "$said" | tr '\\n' ' ')"
}
cd "$1" || exit 9
if [ "$2" = dump ]; then look rdb "$3"
elif [ -e "$4/$5.manifest" ]; then look aof "$4/$5.manifest"
else look aof "$5"; fi
`;

const defaults = {
  dir: '/data',
  dbfilename: 'dump.rdb',
  appenddirname: 'appendonlydir',
  appendfilename: 'appendonly.aof',
};

/** @throws what the engine throws where the container cannot be asked */
export async function deepCheckRedis(
  client: Pick<RedisClient, 'ask'>,
  persistence: Persistence,
  { engine }: { readonly engine: Pick<Engine, 'exec'> },
  { id }: Pick<EngineContainer, 'id'>,
  signal: AbortSignal,
): Promise<Inspection> {
  if (persistence === 'none') return { looked: ['keeps nothing on disk'], findings: [] };
  const settings = new Map<string, string>(Object.entries(defaults));
  for (const name of Object.keys(defaults)) {
    const [, value] = await client.ask([`CONFIG GET ${name}`], signal);
    if (value) settings.set(name, value);
  }
  const [dir = '', ...names] = Object.keys(defaults).map((name) => settings.get(name) ?? '');
  const kind = persistence === 'dump' ? 'dump' : 'append-only';
  const argv = ['sh', '-c', script, 'tacet', dir, kind, ...names];
  const { exitCode, stdout, stderr } = await engine.exec(id, { argv }, signal);
  if (exitCode === 9) return { looked: [`${dir} cannot be read: ${stderr.trim()}`], findings: [] };
  return read(stdout);
}

function read(said: string): Inspection {
  const lines = said.split('\n').filter((line) => line !== '');
  const inspection: Inspection = { looked: [], findings: [] };
  for (const line of lines) {
    const [verdict, file = '', ...words] = line.split(' ');
    if (verdict === 'missing-tool')
      inspection.looked.push(`${file} not checked: the image has no program for it`);
    else inspection.looked.push(`${file} checked`);
    if (verdict !== 'DAMAGED') continue;
    const found = words.join(' ').trim() || 'not sound';
    inspection.findings.push({
      marker: file,
      expected: 'sound',
      found,
      because: 'the file cannot be read to its end',
    });
  }
  if (lines.length === 0) inspection.looked.push('nothing on disk yet');
  return inspection;
}
