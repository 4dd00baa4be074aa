import { compose, type Guest, stacks } from '@tacet/lab';
import { inGuest, journalPath } from './inside.ts';
import { until } from './until.ts';

// What goes wrong inside a guest whose stack `engines` runs, done by somebody who sits in it.

/** The kernel's name of each server's processes. */
const servers = {
  postgres: 'postgres',
  mariadb: 'mariadbd',
  'redis-rdb': 'redis-server',
  'redis-aof': 'redis-server',
  valkey: 'valkey-server',
} as const;
export type Server = keyof typeof servers;

const rootPassword = stacks.engines.streams.mariadb.password;

/** Of a container, a signal, and whom it is for: processes of that name, or those that a method has started. */
const signalScript = `
for pid in $(cat "/sys/fs/cgroup/system.slice/docker-$1.scope/cgroup.procs"); do
  case "$3" in
    TACET_HOLD) tr '\\0' '\\n' <"/proc/$pid/environ" | grep -q '^TACET_HOLD=' || continue ;;
    *) [ "$(cat "/proc/$pid/comm")" = "$3" ] || continue ;;
  esac
  kill -s "$2" "$pid" && echo "$pid"
done`;

/** Of a service of that stack. */
export function containerOf(service: string): string {
  return `${stacks.engines.project}-${service}-1`;
}

/** Its processes stay, and do nothing, whatever is asked of them. @returns how to let them go on */
export async function hang(guest: Guest, server: Server): Promise<() => Promise<void>> {
  await signalProcesses(guest, server, 'STOP', servers[server]);
  return () => signalProcesses(guest, server, 'CONT', servers[server]);
}

/** The clients that hold its lock and ask its server, and nothing else. */
export async function killKeptClients(guest: Guest, server: Server): Promise<void> {
  await signalProcesses(guest, server, 'KILL', 'TACET_HOLD');
}

/** Not the engine: the server dies by itself, as far as that can tell. */
export async function killServer(guest: Guest, server: Server): Promise<void> {
  await signalProcesses(guest, server, 'KILL', servers[server]);
}

/** Names of the processes in a container. */
export async function programsIn(guest: Guest, service: string): Promise<string[]> {
  const listed = await inGuest(guest, ['docker', 'top', containerOf(service), '-o', 'pid,comm']);
  return listed
    .split('\n')
    .slice(1)
    .map((line) => line.trim().split(/\s+/)[1] ?? '');
}

/** As root, by a client of its own. */
export async function sql(guest: Guest, statement: string, password: string = rootPassword): Promise<string> {
  return await inGuest(guest, sqlArgv(statement, password));
}

/** Begins a statement that sleeps, and returns when it runs. @returns how to end it */
export async function startStatement(guest: Guest, statement: string): Promise<() => Promise<void>> {
  const running = guest.exec(sqlArgv(statement, rootPassword), { timeoutMs: 120_000 });
  await until(`MariaDB runs ${statement}`, 20_000, async () => {
    const seen = await sql(
      guest,
      "SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE STATE = 'User sleep'",
    );
    return Number(seen) > 0 || undefined;
  });
  return async () => {
    await endClients(guest);
    await running;
  };
}

/** A transaction that has written, and whose client waits for something else. @returns how to end it */
export async function startIdleTransaction(guest: Guest, statement: string): Promise<() => Promise<void>> {
  const input = `{ echo 'START TRANSACTION; ${statement};'; exec sleep 600; } | mariadb --user=root app`;
  const client = guest.exec([...inMariadb(rootPassword), 'sh', '-c', input], { timeoutMs: 120_000 });
  const idle =
    'SELECT COUNT(*) FROM information_schema.PROCESSLIST, information_schema.INNODB_TRX ' +
    "WHERE ID = trx_mysql_thread_id AND COMMAND = 'Sleep' AND USER = 'root'";
  await until('a transaction is idle', 20_000, async () => Number(await sql(guest, idle)) > 0 || undefined);
  return async () => {
    await endClients(guest);
    await signalProcesses(guest, 'mariadb', 'KILL', 'sleep');
    await client;
  };
}

/** So that what its container was told is old. @returns how to put it back */
export async function changePassword(guest: Guest): Promise<() => Promise<void>> {
  const other = 'correct-horse';
  await sql(guest, identifiedBy(other));
  return async () => void (await sql(guest, identifiedBy(rootPassword), other));
}

function identifiedBy(password: string): string {
  return `ALTER USER root@localhost IDENTIFIED BY '${password}'`;
}

/** Leaves no room where the agent's journal is. @returns how to make room */
export async function fillJournal(guest: Guest): Promise<() => Promise<void>> {
  const fill = `mount -t tmpfs -o size=64k full ${journalPath} && ! cat /dev/zero >${journalPath}/filling`;
  await inGuest(guest, ['sh', '-c', fill]);
  return async () => void (await inGuest(guest, ['umount', journalPath]));
}

/** The daemon alone: containers and their shims go on. */
export async function signalEngine(guest: Guest, signal: 'KILL' | 'STOP' | 'CONT'): Promise<void> {
  await inGuest(guest, ['systemctl', 'kill', `--signal=${signal}`, '--kill-whom=main', 'docker']);
}

export async function killAgent(guest: Guest): Promise<void> {
  await inGuest(guest, ['systemctl', 'kill', '--signal=KILL', 'tacet-agent']);
}

/** Gives a service its labels, as an operator would: in a compose file, and up again. @returns how to take them back */
export async function label(
  guest: Guest,
  service: string,
  labels: Record<string, string>,
): Promise<() => Promise<void>> {
  const override = `${stacks.engines.directory}/compose.override.yaml`;
  const up = async (): Promise<void> => {
    const args = ['up', '--detach', '--no-deps', '--wait', service];
    const { exitCode, stderr } = await compose(guest, args, undefined, 'engines');
    if (exitCode !== 0) throw new Error(stderr);
  };
  await guest.writeFile(override, JSON.stringify({ services: { [service]: { labels } } }));
  await up();
  return async () => {
    await inGuest(guest, ['rm', '--force', override]);
    await up();
  };
}

/** Whatever root does in MariaDB. */
async function endClients(guest: Guest): Promise<void> {
  const kill =
    "SELECT CONCAT('KILL ', ID, ';') FROM information_schema.PROCESSLIST WHERE USER = 'root' AND ID <> CONNECTION_ID()";
  const statements = await sql(guest, kill);
  // One that has ended meanwhile is not found.
  if (statements !== '') await guest.exec(sqlArgv(statements, rootPassword));
}

function sqlArgv(statement: string, password: string): string[] {
  const client = ['mariadb', '--user=root', '--batch', '--skip-column-names', '--force'];
  return [...inMariadb(password), ...client, `--execute=${statement}`, 'app'];
}

function inMariadb(password: string): string[] {
  return ['docker', 'exec', '--env', `MYSQL_PWD=${password}`, containerOf('mariadb')];
}

/** @throws Error where there is none such: nothing would have happened to anybody */
async function signalProcesses(guest: Guest, service: string, signal: string, which: string): Promise<void> {
  const id = await inGuest(guest, ['docker', 'inspect', '--format', '{{.Id}}', containerOf(service)]);
  const pids = await inGuest(guest, ['sh', '-c', signalScript, 'sh', id, signal, which]);
  if (pids === '') throw new Error(`${service} has no process ${which}`);
}
