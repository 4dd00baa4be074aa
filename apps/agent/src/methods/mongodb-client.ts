import { TacetError } from '@tacet/runtime';
import type { EngineContainer, ExecSession } from '../engine/engine.ts';
import { settingOf } from './container-setting.ts';
import { holdMark, type MethodPorts } from './method.ts';

/**
 * Runs in the container, with the server's port as its argument. The login is the shell's first line of input: in
 * nobody's arguments, and in no environment that it was not in before. `mongosh` came with 5.0, `mongo` went with
 * 6.0. The last line ends the session with the client, which only the reading `cat` would outlive.
 */
const clientScript = `${settingOf}
escaped() { printf %s "$1" | sed 's/["\\\\]/\\\\&/g'; }
user=$(setting MONGO_INITDB_ROOT_USERNAME MONGODB_ROOT_USER)
password=$(setting MONGO_INITDB_ROOT_PASSWORD MONGODB_ROOT_PASSWORD)
for client in mongosh mongo; do
  command -v $client >/dev/null && break
  client=
done
[ -n "$client" ] || { echo 'neither mongosh nor mongo is in its image' >&2; exit 127; }
# Where it keeps a log and a history, which are not the database's.
export HOME=/tmp
{
  if [ -n "$password" ]; then
    printf 'db.getSiblingDB("admin").auth("%s", "%s")\\n' "$(escaped "\${user:-root}")" "$(escaped "$password")"
  fi
  cat
} 2>/dev/null | {
  $client --quiet --norc --host 127.0.0.1 --port "$1" admin
  kill $$
}`;

/** Of a command's reply, by name: an expression about `r`. */
export type ReplyFields = Readonly<Record<string, string>>;

/** A kept `mongosh` or `mongo`, which evaluates its input line by line when that is no terminal. */
export class MongoClient implements AsyncDisposable {
  readonly #session: ExecSession;
  #asked = 0;

  private constructor(session: ExecSession) {
    this.#session = session;
  }

  /** @throws TacetError `prepare-failed` where the server does not let it in. */
  static async open(
    ports: MethodPorts,
    container: EngineContainer,
    signal: AbortSignal,
  ): Promise<MongoClient> {
    const argv = ['sh', '-c', clientScript, 'sh', portOf(container.command)];
    const env = { [holdMark]: '1' };
    const client = new MongoClient(await ports.engine.openSession(container.id, { argv, env }, signal));
    try {
      await client.run({ ping: 1 }, {}, signal);
    } catch (error) {
      await client[Symbol.asyncDispose]();
      throw error;
    }
    return client;
  }

  /**
   * Runs a command of the database `admin`.
   * @returns the fields that were asked for, as they are in JSON
   * @throws TacetError `prepare-failed` in the server's words
   */
  async run(
    command: Readonly<Record<string, unknown>>,
    fields: ReplyFields,
    signal: AbortSignal,
  ): Promise<Record<string, unknown>> {
    this.#asked += 1;
    const mark = `tacet-${this.#asked} `;
    const wanted = Object.entries(fields).map(([name, expression]) => `, ${name}: ${expression}`);
    const say = (json: string): string => `print("${mark}" + JSON.stringify(${json}))`;
    // One of them throws where the other answers `ok: 0`.
    const line =
      `try { var r = db.adminCommand(${JSON.stringify(command)}); ` +
      `${say(`{ ok: Number(r.ok), message: r.errmsg || ""${wanted.join('')} }`)} } ` +
      `catch (e) { ${say('{ ok: 0, message: String(e.message || e) }')} }`;
    // Prompts stand before it.
    const lines = await this.#session.ask(line, (one) => one.includes(mark), signal);
    const said = lines.find((one) => one.includes(mark)) ?? '';
    const reply = replyIn(said.slice(said.indexOf(mark) + mark.length));
    if (!reply) throw new TacetError(`the client says: ${lines.join('; ')}`, { code: 'internal' });
    if (reply['ok'] === 1) return reply;
    const name = Object.keys(command)[0] ?? '';
    throw new TacetError(`${name}: ${String(reply['message'])}`, {
      code: 'prepare-failed',
      ...(/auth|not authorized/i.test(String(reply['message'])) && {
        hint: 'Give the container MONGO_INITDB_ROOT_USERNAME and MONGO_INITDB_ROOT_PASSWORD (or …_FILE) as they are now.',
      }),
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#session[Symbol.asyncDispose]();
  }
}

function replyIn(text: string): Record<string, unknown> | undefined {
  try {
    const reply: unknown = JSON.parse(text);
    return typeof reply === 'object' && reply !== null ? { ...reply } : undefined;
  } catch {
    return undefined; // whoever asked tells what it is instead
  }
}

/** What the server was told on its command line, also inside a `sh -c "…"`. */
function portOf(command: readonly string[]): string {
  return /--port[ =]["']?(\d+)/.exec(command.join(' '))?.[1] ?? '27017';
}
