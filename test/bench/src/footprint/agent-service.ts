import type { Guest } from '@tacet/lab';
import { systemClock, withDeadline } from '@tacet/runtime';
import { output } from './processes.ts';

const readyMs = 60_000;
const pollMs = 100;
const dropIn = '/etc/systemd/system/tacet-agent.service.d/bench.conf';

/** How the agent could be started. */
export interface Variant {
  readonly name: string;
  /** Of node. */
  readonly flags: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
}

/** From here on the service is started so; undefined: as its unit says. */
export async function startAs(guest: Guest, variant: Variant | undefined): Promise<void> {
  const lines = variant && [
    '[Service]',
    // Both of the unit's are lists, and an empty value empties them.
    'Environment=',
    ...Object.entries(variant.environment).map(([name, value]) => `Environment=${name}=${value}`),
    'ExecStart=',
    `ExecStart=/usr/bin/node ${[...variant.flags, '/usr/lib/tacet/tacet-agent.cjs', 'run'].join(' ')}`,
  ];
  await guest.writeFile(dropIn, `${(lines ?? []).join('\n')}\n`);
  await output(guest, ['systemctl', 'daemon-reload']);
}

/** What is asked of an entry of the journal. */
interface JournalEntry {
  __MONOTONIC_TIMESTAMP: string;
}

/** Starts the service again. @returns ms from the making of its process until its session is open. */
export async function restart(guest: Guest, signal: AbortSignal): Promise<number> {
  await output(guest, ['systemctl', 'restart', 'tacet-agent']);
  const startedUs = Number(await property(guest, 'ExecMainStartTimestampMonotonic'));
  const invocation = await property(guest, 'InvocationID');
  using deadline = withDeadline(signal, readyMs, 'waiting for the session of the agent');
  for (;;) {
    const lines = await output(guest, [
      'journalctl',
      '--output=json',
      '--no-pager',
      '--grep="session.opened"',
      '--lines=all',
      `_SYSTEMD_INVOCATION_ID=${invocation}`,
    ]).catch(nothingYet);
    const [first] = lines.split('\n').filter((line) => line.startsWith('{'));
    if (first !== undefined) {
      const entry = JSON.parse(first) as JournalEntry;
      return (Number(entry.__MONOTONIC_TIMESTAMP) - startedUs) / 1000;
    }
    await systemClock.sleep(pollMs, deadline.signal);
  }
}

/** journalctl fails where nothing matches. */
const nothingYet = (): string => '';

/** Holds and thaws everything once. @returns for how long it was held, in ms. */
export async function rehearse(guest: Guest): Promise<number> {
  const said = await output(guest, ['tacet-agent', 'rehearse', '--json']);
  return (JSON.parse(said) as { heldMs: number }).heldMs;
}

function property(guest: Guest, name: string): Promise<string> {
  return output(guest, ['systemctl', 'show', `--property=${name}`, '--value', 'tacet-agent']);
}
