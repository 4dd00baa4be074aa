import { healRecordSchema, type HealRecord } from '@tacet/agent/src/heal/heal-record.ts';
import { journalDirOf } from '@tacet/agent/src/agent.ts';
import { type QuiesceRecord, quiesceRecordSchema } from '@tacet/agent/src/journal/schemas.ts';
import type { Guest } from '@tacet/lab';
import { expect } from 'vitest';

// Guests that heal with no controller in sight: held from within, looked at from within.

const journal = journalDirOf('/var/lib/tacet');

/** @throws Error with what it printed, where it fails. */
export async function inGuest(guest: Guest, argv: readonly string[], timeoutMs = 60_000): Promise<string> {
  const { exitCode, stdout, stderr } = await guest.exec(argv, { timeoutMs });
  if (exitCode !== 0) throw new Error(`${argv.join(' ')} in guest ${guest.vmid}: ${stderr || stdout}`);
  return stdout.trim();
}

/** A snapshot taken while everything is held; the guest goes on afterwards. */
export async function snapshotHeld(guest: Guest, name: string): Promise<void> {
  // An agent that has just been started publishes its status once it can be asked.
  const started = 'until [ -e /run/tacet/status.json ]; do sleep 0.2; done';
  const freeze = ['sh', '-c', `${started}; exec tacet-agent fsfreeze freeze`];
  expect(await inGuest(guest, freeze, 120_000)).toContain('tacet: held');
  try {
    await guest.snapshot(name);
  } finally {
    await inGuest(guest, ['tacet-agent', 'fsfreeze', 'thaw'], 120_000);
  }
}

/** Also of a guest that does not run. */
export async function quiesceRecordOf(guest: Guest): Promise<QuiesceRecord> {
  const text = (await guest.readFile(`${journal}/quiesce.json`)).toString();
  return quiesceRecordSchema.parse(JSON.parse(text));
}

/** Undefined where this guest has never begun to heal; the original's record does not count. */
export async function healRecordOf(guest: Guest): Promise<HealRecord | undefined> {
  const { exitCode, stdout } = await guest.exec(['cat', `${journal}/heal.json`]);
  if (exitCode !== 0) return undefined;
  const record = healRecordSchema.parse(JSON.parse(stdout));
  return record.vmid === guest.vmid ? record : undefined;
}

export async function untilHealed(guest: Guest, timeoutMs = 240_000): Promise<HealRecord> {
  const finished = async () => (await healRecordOf(guest))?.finishedAt ?? 0;
  await expect.poll(finished, { timeout: timeoutMs, interval: 500 }).toBeGreaterThan(0);
  const record = await healRecordOf(guest);
  if (!record) throw new Error(`guest ${guest.vmid} has no record of its heal`);
  return record;
}

/** What the agent says that it does, its events among it, since the guest was started. */
export async function agentLog(guest: Guest): Promise<string> {
  return await inGuest(guest, ['journalctl', '--boot', '--unit=tacet-agent', '--output=cat', '--no-pager']);
}

/** `name → [state, restart policy]`, by the engine's own words. */
export async function containersOf(guest: Guest): Promise<Map<string, [string, string]>> {
  const format = '{{.Name}} {{.State.Status}} {{.HostConfig.RestartPolicy.Name}}';
  const script = `docker ps --all --quiet | xargs --no-run-if-empty docker inspect --format '${format}'`;
  const lines = (await inGuest(guest, ['sh', '-c', script])).split('\n').filter(Boolean);
  return new Map(
    lines.map((line) => {
      const [name = '', state = '', policy = ''] = line.split(' ');
      return [name.replace(/^\//, ''), [state, policy === '' ? 'no' : policy]];
    }),
  );
}

/** Does nothing, and ends at once when it is asked to. */
export const idleCommand = ['sh', '-c', 'trap "exit 0" TERM QUIT; sleep infinity & wait'];
