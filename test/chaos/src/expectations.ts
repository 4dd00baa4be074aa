import type { Api } from '@tacet/demo';
import {
  type AckCollector,
  containerStates,
  type Guest,
  type StackName,
  stack,
  stacks,
  streamsOf,
  type WriteStream,
} from '@tacet/lab';
import type { Backup, Guest as GuestView } from '@tacet/protocol';
import { expect } from 'vitest';
import { frozenContainers, journalOf, nextWriteAfter, type WriteCounters, writeCounters } from './inside.ts';
import { until } from './until.ts';

const never = new AbortController().signal;
const shopStreams = streamsOf('shop').map(([stream]) => stream);

/** The journal owes a thaw, every container is frozen, and no writer is heard: the databases stand still. */
export async function expectHeld(
  guest: Guest,
  collector: AckCollector,
  name: StackName = 'shop',
): Promise<void> {
  // Written before the first hold, and again when the lease is renewed.
  expect((await journalOf(guest)).state).toMatch(/^(holding|held)$/);
  expect(await frozenContainers(guest)).toHaveLength(stacks[name].services.length);
  const silence = AbortSignal.timeout(1000);
  await Promise.all(
    streamsOf(name).map(([stream]) =>
      expect(collector.next(stream, guest.address(), silence)).rejects.toThrow(/timeout/),
    ),
  );
}

/** Every container runs, none is frozen or paused, and the agent owes nothing any more. */
export async function expectThawed(guest: Guest, ms: number, name: StackName = 'shop'): Promise<void> {
  const allRunning = Object.fromEntries(stacks[name].services.map((service) => [service, 'running']));
  await until(`guest ${guest.vmid} is thawed`, ms, async () => {
    expect(await containerStates(guest, name)).toEqual(allRunning);
    expect(await frozenContainers(guest)).toEqual([]);
    expect((await journalOf(guest)).state).toBe('idle');
    return true;
  });
}

/** Every stream writes again, or those given. @returns how long after `since` (host time) the slowest one did. */
export async function expectWritesFlow(
  guest: Guest,
  collector: AckCollector,
  { since, withinMs, streams }: { since: number; withinMs: number; streams?: readonly WriteStream[] },
): Promise<number> {
  const signal = AbortSignal.timeout(Math.max(0, since + withinMs - Date.now()));
  const flowing = (streams ?? shopStreams).map(async (stream) => {
    try {
      return (await collector.next(stream, guest.address(), signal)).atMs - since;
    } catch (cause) {
      throw new Error(`no write of ${stream} flowed in guest ${guest.vmid} within ${withinMs} ms`, { cause });
    }
  });
  return Math.max(...(await Promise.all(flowing)));
}

/** The same for a guest that nobody can hear: its own databases are asked. */
export async function expectWritesFlowInside(
  guest: Guest,
  { since, withinMs }: { since: number; withinMs: number },
): Promise<number> {
  let first: WriteCounters | undefined;
  await until(`writes go on in guest ${guest.vmid}`, since + withinMs - Date.now(), async () => {
    const now = await writeCounters(guest);
    first ??= now;
    return (now.postgres > first.postgres && now.redis > first.redis) || undefined;
  });
  return await nextWriteAfter(guest, since);
}

export async function guestOf(api: Api, vmid: number): Promise<GuestView | undefined> {
  return (await api.guests(never)).find((guest) => guest.vmid === vmid);
}

/** The agent itself says so, over a session. */
export async function expectReady(api: Api, vmid: number, ms = 60_000): Promise<GuestView> {
  return await until(`guest ${vmid} says Ready`, ms, async () => {
    const guest = await guestOf(api, vmid);
    expect(guest).toMatchObject({ identity: 'enrolled', connected: true, quiesceState: 'idle' });
    expect(falseConditions(guest)).toEqual([]);
    return guest;
  });
}

export function falseConditions(guest: GuestView | undefined): string[] {
  const conditions = guest?.conditions ?? [];
  expect(conditions.map(({ type }) => type)).toContain('Ready');
  return (
    conditions
      // A guest that was never backed up has nothing to compare its data with, and is ready all the same.
      .filter(({ status, reason }) => status !== 'True' && reason !== 'NoManifest')
      .map(({ type, status, message }) => `${type}=${status}: ${message}`)
  );
}

export async function sessionsOf(api: Api, vmid: number): Promise<number> {
  const events = await api.events(0, never);
  return events.filter((event) => event.vmid === vmid && event.type === 'session.opened').length;
}

/** `app` needs a proof, and nothing else may have one. */
export function expectNotProven({ verdict }: Backup): void {
  expect(verdict.consistency).toMatch(/^(crash|unknown)$/);
  expect(verdict.proof).toBeNull();
  expect(verdict.message).not.toBe('');
}

export function expectProven({ verdict }: Backup): NonNullable<Backup['verdict']['proof']> {
  expect(verdict).toMatchObject({ consistency: 'app', reason: 'HoldSpansSnapshot' });
  expect(verdict.services.map(({ service }) => service).toSorted()).toEqual(stack.services.toSorted());
  if (verdict.proof === null) throw new Error('app without a proof');
  return verdict.proof;
}
