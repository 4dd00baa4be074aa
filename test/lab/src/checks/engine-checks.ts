import { runRedis, runSql } from '../read-writes.ts';
import { containerOf, type StreamPlace, streamsOf } from '../stacks.ts';
import type { Guest, StackName, WriteStream } from '../types.ts';
import { acceptedAtMs, innodbRedoBytes, type LogLine, parseLog, postgresRedoBytes } from './recovery-log.ts';

/** What the engine under a stream says about its data, and about its last start. */
export interface EngineCheck {
  stream: WriteStream;
  service: string;
  /** What the engine's own checks found wrong, in its words; none when the data are whole. */
  findings: string[];
  /** Log that had to be replayed at the start; undefined where the engine does not say. */
  redoBytes: number | undefined;
  /** From the container's start until the server said that it takes queries; undefined without a server. */
  acceptMs: number | undefined;
}

interface Start {
  atMs: number;
  lines: LogLine[];
}

/**
 * Checks every engine of a stack in a running guest whose databases run, see `startDatabases`. The writers
 * may run or not.
 * @throws Error where a database does not answer, which is no finding.
 */
export async function checkEngines(guest: Guest, stack: StackName = 'engines'): Promise<EngineCheck[]> {
  const checks: EngineCheck[] = [];
  for (const [stream, place] of streamsOf(stack)) {
    const start = await lastStart(guest, containerOf(stack, place.service));
    const acceptedMs = acceptedAtMs(start.lines);
    checks.push({
      stream,
      service: place.service,
      findings: await findingsOf(guest, stack, place, start.lines),
      redoBytes: redoBytesOf(place, start.lines),
      acceptMs: acceptedMs === undefined ? undefined : acceptedMs - start.atMs,
    });
  }
  return checks;
}

async function lastStart(guest: Guest, container: string): Promise<Start> {
  const inspected = await guest.exec(['docker', 'inspect', '--format', '{{.State.StartedAt}}', container]);
  if (inspected.exitCode !== 0) throw new Error(`guest ${guest.vmid}: ${inspected.stderr}`);
  const since = inspected.stdout.trim();
  const { stdout, stderr } = await guest.exec([
    'docker',
    'logs',
    '--timestamps',
    '--since',
    since,
    container,
  ]);
  return { atMs: Date.parse(since), lines: parseLog(stdout + stderr) };
}

function redoBytesOf(place: StreamPlace, lines: readonly LogLine[]): number | undefined {
  if (place.engine === 'postgres') return postgresRedoBytes(lines);
  if (place.engine === 'mariadb' && place.tables === 'innodb') return innodbRedoBytes(lines);
  return undefined;
}

async function findingsOf(
  guest: Guest,
  stack: StackName,
  place: StreamPlace,
  lines: readonly LogLine[],
): Promise<string[]> {
  switch (place.engine) {
    case 'postgres': {
      const amcheck = ['pg_amcheck', '--username', place.user, '--database', place.database];
      const options = ['--install-missing', '--heapallindexed'];
      const container = containerOf(stack, place.service);
      const result = await guest.exec(['docker', 'exec', container, ...amcheck, ...options], {
        timeoutMs: 300_000,
      });
      const corruptionFound = 2;
      if (result.exitCode === 0) return [];
      if (result.exitCode === corruptionFound) return result.stdout.split('\n').filter(Boolean);
      throw new Error(`pg_amcheck in guest ${guest.vmid}: ${result.stderr}`);
    }
    case 'mariadb': {
      const tables = await runSql(guest, stack, place, `SHOW TABLES LIKE '%\\_${place.tables}'`);
      const checked = await runSql(guest, stack, place, `CHECK TABLE ${tables.join(', ')} EXTENDED`);
      const complaints = checked.filter(
        (line) => !/\tstatus\t(?:OK|Table is already up to date)$/.test(line),
      );
      // A MyISAM table that was not closed is repaired when it is first opened; then only the log knows.
      const repaired = lines.filter(({ text }) => new RegExp(`app/\\w+_${place.tables}\\b`).test(text));
      return [...complaints, ...repaired.map(({ text }) => text)];
    }
    case 'redis': {
      const state = await runRedis(guest, stack, place, ['INFO', 'persistence']);
      const failed = state.filter((line) => /^(?:loading:1|\w+_status:(?!ok))/.test(line));
      const cut = lines.filter(({ text }) => /short read|bad file format|truncat/i.test(text));
      return [...failed, ...cut.map(({ text }) => text)].map((line) => line.trim());
    }
    case 'sqlite': {
      const said = await runSql(guest, stack, place, 'PRAGMA integrity_check');
      return said.filter((line) => line !== 'ok');
    }
  }
}
