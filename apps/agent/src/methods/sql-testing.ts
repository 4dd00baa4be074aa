import type { ExecRequest, ExecSession } from '../engine/engine.ts';
import { MemoryEngine } from '../engine/memory-engine.ts';
import { ScriptedSession } from './testing.ts';

/** What a server says to one statement: rows, or its refusal. */
export type SqlAnswer = readonly string[] | { sqlCode: string; message: string };

/** Of one client, in the order of opening. */
export type SqlScript = (statement: string, client: number) => SqlAnswer | Promise<SqlAnswer>;

/** A container whose SQL clients talk as `psql` or `mariadb` do, to a server that answers as the test says. */
export class ScriptedSqlEngine extends MemoryEngine {
  readonly requests: ExecRequest[] = [];
  readonly sessions: ScriptedSession[] = [];
  readonly #script: SqlScript;

  constructor(image: string, script: SqlScript) {
    super({ containers: [{ stack: 'shop', service: 'db', image }] });
    this.#script = script;
  }

  /** By all clients, without what only ends an answer. */
  get statements(): string[] {
    return this.sessions.flatMap(({ asked }) => asked).filter((line) => !isMark(line));
  }

  override async openSession(_id: string, request: ExecRequest): Promise<ExecSession> {
    this.requests.push(request);
    const number = this.sessions.length;
    const refusals: { sqlCode: string; message: string }[] = [];
    const session = new ScriptedSession(async (line) => {
      if (isMark(line)) return marked(line, refusals.at(-1));
      const said = await this.#script(line, number);
      if (!('sqlCode' in said)) {
        refusals.length = 0;
        return said;
      }
      refusals.push(said);
      return request.argv.join(' ').includes('psql')
        ? []
        : [`ERROR ${said.sqlCode} (HY000) at line 1: ${said.message}`];
    });
    this.sessions.push(session);
    return session;
  }
}

function isMark(line: string): boolean {
  return line.startsWith('\\') || /^SELECT 'tacet-\d+';$/.test(line);
}

function marked(line: string, refusal: { sqlCode: string; message: string } | undefined): string[] {
  const [, own] = /^SELECT '(.*)';$/.exec(line) ?? [];
  if (own !== undefined) return [own];
  if (line === '\\echo :LAST_ERROR_MESSAGE') return refusal ? [refusal.message] : [];
  const [, mark] = /^\\echo (\S+) :ERROR :SQLSTATE$/.exec(line) ?? [];
  return mark === undefined ? [] : [`${mark} ${refusal !== undefined} ${refusal?.sqlCode ?? '00000'}`];
}
