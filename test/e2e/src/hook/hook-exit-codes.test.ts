import type { Operation } from '@tacet/protocol';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { expectFree } from './expectations.ts';
import { guests, HookHouse, leaseMs } from './hook-house.ts';
import type { VzdumpRun } from './proxmox-user.ts';

// What Proxmox VE does when its hook fails or is killed at a phase, as recorded on a real one. Tacet's own script
// fails at none of the later ones; a hook that is chained with it, or a kernel that is short of memory, may.

const { single } = guests;
let house: HookHouse;
beforeAll(async () => {
  house = await HookHouse.open();
});
afterAll(() => house[Symbol.asyncDispose]());

/** Operations of earlier tests. */
let known: ReadonlySet<string>;
beforeEach(async () => {
  await house.revive(single);
  known = new Set((await house.operations()).map(({ id }) => id));
});

async function newOperations(): Promise<Operation[]> {
  return (await house.operations()).filter(({ id }) => !known.has(id));
}

/** The one that this test's backup has begun, once it has ended. */
async function ended(): Promise<Operation | undefined> {
  const states = async (): Promise<string[]> => (await newOperations()).map(({ state }) => state);
  await expect.poll(states, { timeout: 20_000 }).toEqual([expect.stringMatching(/succeeded|failed/)]);
  return (await newOperations())[0];
}

const modes = ['snapshot', 'suspend', 'stop'] as const;
type Mode = (typeof modes)[number];
/** After which of these phases a copy is complete, for good or for ill. */
const late: ReadonlySet<string> = new Set(['backup-end', 'log-end', 'job-end']);

/** `app` for snapshot mode, a reason for what is less, null where there is no backup. */
function outcome(mode: Mode, phase: string): string | null {
  const isMade = late.has(phase) || (mode === 'stop' && /restart/.test(phase));
  if (!isMade) return null;
  return { snapshot: 'HoldSpansSnapshot', suspend: 'CopiedInTwoPasses', stop: 'GuestStopped' }[mode];
}

const phases = [
  'backup-start',
  'pre-stop',
  'pre-restart',
  'post-restart',
  'backup-end',
  'log-end',
  'job-end',
];
const cases = modes.flatMap((mode) => phases.map((phase) => ({ mode, phase })));

/** Proxmox VE leaves the guest like that; all that Tacet can do is to have nothing held in it. */
const leftBehind = ({ mode, phase }: { mode: Mode; phase: string }): 'frozen' | 'stopped' | undefined => {
  if (phase !== 'pre-restart' || mode === 'snapshot') return undefined;
  return mode === 'suspend' ? 'frozen' : 'stopped';
};

async function expectNothingHeld(at: { mode: Mode; phase: string }): Promise<void> {
  const guest = house.guest(single);
  const left = leftBehind(at);
  if (left === undefined) return await expectFree(house, single);
  expect({ isFrozen: guest.isFrozen, isRunning: guest.isRunning }).toEqual({
    isFrozen: left === 'frozen',
    isRunning: left === 'frozen',
  });
  // What its agent was told meanwhile is waiting for it.
  await house.revive(single);
  await expect.poll(() => guest.quiesce.isHeld, { timeout: 2 * leaseMs }).toBe(false);
}

async function expectOutcome({ mode, phase }: { mode: Mode; phase: string }, run: VzdumpRun): Promise<void> {
  const { state, backup } = (await ended()) ?? {};
  const reason = outcome(mode, phase);
  expect({ state, reason: backup?.verdict.reason ?? null, log: run.log }).toMatchObject({
    state: reason === null ? 'failed' : 'succeeded',
    reason,
  });
}

describe('a hook that fails behind Tacet’s', () => {
  it.each(cases)('in $mode mode at $phase leaves nothing held, and the verdict true', async (at) => {
    await house.wrapHook(`real "$@" || exit $?\n[ "$1" != ${at.phase} ] || exit 7`);
    const run = await house.user.vzdump({ vmid: single, mode: at.mode });
    expect(run.exitstatus).toMatch(expectedStatus(at));
    await expectOutcome(at, run);
    await expectNothingHeld(at);
  });
});

describe('a hook that is killed before Tacet hears of it', () => {
  const heard = cases.filter(({ phase }) => phase !== 'backup-start');
  it.each(modes)('in %s mode at backup-start is nothing that Tacet knows of', async (mode) => {
    await house.wrapHook(`[ "$1" != backup-start ] || kill -9 $$\nreal "$@"`);
    expect((await house.user.vzdump({ vmid: single, mode })).exitstatus).toBe('job errors');
    expect(await newOperations()).toEqual([]);
    await expectFree(house, single);
  });

  it.each(heard)('in $mode mode at $phase leaves nothing held, and the verdict true', async (at) => {
    await house.wrapHook(`[ "$1" != ${at.phase} ] || kill -9 $$\nreal "$@"`);
    const run = await house.user.vzdump({ vmid: single, mode: at.mode });
    expect(run.exitstatus).toMatch(expectedStatus(at));
    await expectOutcome(at, run);
    await expectNothingHeld(at);
  });

  it('at backup-end leaves an archive, which is found and has its verdict in its notes', async () => {
    await house.wrapHook(`[ "$1" != backup-end ] || kill -9 $$\nreal "$@"`);
    const run = await house.user.vzdump({ vmid: single });
    expect(run.exitstatus).toBe('job errors');
    const operation = await ended();
    const found = operation?.steps.find(({ name }) => name === 'found');
    expect(found?.message).toContain('is complete, though vzdump gave up the backup');
    const { backup } = operation ?? {};
    if (!backup) throw new Error('no backup');
    expect(run.log.join('\n')).toContain(backup.volid.split('/').at(-1));
    expect(backup).toMatchObject({ origin: 'hook', verdict: { proof: { kind: 'hook' } } });
    expect(backup.sizeBytes).toBeGreaterThan(0);
    expect(await house.user.notesOf(backup)).toMatch(/^tacet: app-consistent, /m);
    expect(house.guest(single).copiedWhileHeld.at(-1)).toBe(true);
  });
});

function expectedStatus({ mode, phase }: { mode: Mode; phase: string }): RegExp {
  if (phase === 'job-end') return /failed: (exit code 7|got signal 9)/;
  if (phase === 'log-end') return /^WARNINGS: 1$/;
  // In stop mode these run behind the backup, whose success stands.
  if (mode === 'stop' && (phase === 'pre-restart' || phase === 'post-restart')) return /^OK$/;
  return /^job errors$/;
}
