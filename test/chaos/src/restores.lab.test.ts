import { healRecordSchema } from '@tacet/agent/src/heal/heal-record.ts';
import { type QuiesceRecord, quiesceRecordSchema } from '@tacet/agent/src/journal/schemas.ts';
import { type Api, type LabStage, openLabStage } from '@tacet/demo';
import { containerStates, type Guest, labObstacle, openLab, stack } from '@tacet/lab';
import type { Backup, MethodName } from '@tacet/protocol';
import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFailed } from 'vitest';
import { fileInArchive } from './archive-file.ts';
import { archiveOf, backUp, ended } from './backups.ts';
import {
  expectProven,
  expectReady,
  expectThawed,
  expectWritesFlow,
  falseConditions,
  guestOf,
  sessionsOf,
} from './expectations.ts';
import { agentLog, inGuest, journalPath } from './inside.ts';
import { holdEverythingBy, keepAppendOnlyFile } from './methods.ts';
import { until } from './until.ts';

const obstacle = labObstacle();
const leaseMs = 15_000;
const patienceMs = 120_000;
const never = new AbortController().signal;

interface Case {
  hold: string;
  /** By label on every service; undefined leaves it to Tacet. */
  label?: MethodName;
  methods: MethodName[];
  copy: number;
}

const cases: Case[] = [
  { hold: 'a lock and the freezer', methods: ['freeze', 'freeze', 'postgres', 'redis'], copy: 201 },
  { hold: 'stop', label: 'stop', methods: ['stop', 'stop', 'stop', 'stop'], copy: 202 },
  { hold: 'pause', label: 'pause', methods: ['pause', 'pause', 'pause', 'pause'], copy: 203 },
];
const unordered = 204;

describe.skipIf(obstacle !== undefined)(
  `a guest restored from an archive that was taken while held${obstacle ? ` (skipped: ${obstacle})` : ''}`,
  () => {
    const cleanup = new AsyncDisposableStack();
    let stage: LabStage;
    let guest: Guest;
    let api: Api;

    beforeAll(async () => {
      const signal = AbortSignal.timeout(1_700_000);
      const lab = cleanup.use(await openLab({ signal }));
      stage = cleanup.use(await openLabStage({ lab, leaseMs, signal }));
      ({ guest } = stage);
      api = cleanup.use(await stage.api());
      for (const { copy } of cases) letRestoreTo(copy);
      await expectReady(api, guest.vmid);
    });
    afterAll(() => cleanup.disposeAsync());

    beforeEach(() => {
      onTestFailed(async () => {
        for (const one of stage.lab.guests()) {
          if ((await one.status()) === 'running') process.stderr.write(await agentLog(one));
        }
      });
    });

    it.each(cases)('heals, when all was held by $hold', async ({ label, methods, copy: vmid }) => {
      if (label === 'pause') await keepAppendOnlyFile(guest);
      if (label !== undefined) await holdEverythingBy(guest, label);
      const before = await expectReady(api, guest.vmid);
      await flow(guest);
      const sessions = await sessionsOf(api, guest.vmid);

      const { thawSentAt } = expectProven(await backUpHeldBy(methods));

      const restoredFrom = Date.now();
      const restore = await ended(api, await api.startRestore(guest.vmid, vmid, never));
      expect(restore).toMatchObject({ state: 'succeeded', restoredTo: vmid, error: null });
      const copy = copyOf(vmid);
      try {
        const healed = await expectReady(api, vmid);
        expect(healed.services.map(({ service, state }) => [service, state])).toEqual(
          before.services.map(({ service }) => [service, 'running']),
        );
        await expectThawed(copy, patienceMs);
        await expectHealed(copy);
        const flowsMs = await flow(copy, restoredFrom);
        say(`${label ?? 'default'}: restored, healed and writing after ${flowsMs} ms`);
        await expectNothingMissing(copy, thawSentAt);
      } finally {
        // It has shown what it had to, and the next one needs the machine. Its node still knows it.
        await copy.stop();
      }

      const after = await expectReady(api, guest.vmid);
      expect(after.services).toEqual(before.services);
      expect(await sessionsOf(api, guest.vmid)).toBe(sessions);
      await flow(guest);
    });

    it('is quarantined when nobody ordered it, never speaks for the original, and heals all the same', async () => {
      await holdEverythingBy(guest, 'freeze');
      const original = await expectReady(api, guest.vmid);
      const sessions = await sessionsOf(api, guest.vmid);
      const backup = await backUpHeldBy(['freeze', 'freeze', 'freeze', 'freeze']);
      const { thawSentAt } = expectProven(backup);
      const archive = archiveOf(stage, backup);
      const copy = await stage.lab.restoreGuest({ vmid: unordered, archive, unique: true });
      try {
        const startedAt = Date.now();
        await copy.start();
        const quarantined = await until('the copy has called', patienceMs, async () => {
          const found = await guestOf(api, unordered);
          return found?.connected === true ? found : undefined;
        });
        expect(quarantined).toMatchObject({ identity: 'quarantined', lastBackup: null });
        expect(quarantined.id).not.toBe(original.id);

        await until('the copy has healed', patienceMs, async () => {
          const left = falseConditions(await guestOf(api, unordered));
          return left.every((one) => /^(IdentityVerified|Ready)=False/.test(one)) || undefined;
        });
        await expectThawed(copy, patienceMs);
        await expectHealed(copy);
        say(`nobody ordered it: healed and writing ${await flow(copy, startedAt)} ms after its start`);
        await expectNothingMissing(copy, thawSentAt);

        // Time enough for it to have said anything in the original's name.
        const after = await expectReady(api, guest.vmid);
        expect(after).toMatchObject({ id: original.id, incarnation: original.incarnation });
        expect(after.services).toEqual(original.services);
        expect(await sessionsOf(api, guest.vmid)).toBe(sessions);
        await flow(guest);
      } finally {
        await copy.destroy();
      }
    });

    async function flow(which: Guest, since = Date.now()): Promise<number> {
      return await expectWritesFlow(which, stage.collector, { since, withinMs: patienceMs });
    }

    /** A backup whose archive says, in the journal that it carries, that a thaw is owed, and how. */
    async function backUpHeldBy(methods: readonly MethodName[]): Promise<Backup> {
      const backup = await backUp(stage, api);
      await flow(guest);
      const inArchive = await journalInArchive(backup);
      expect(inArchive.state).toBe('holding');
      const held = new Map(inArchive.steps.flat().map(({ service, method }) => [service, method]));
      expect([...held.values()].toSorted()).toEqual(methods.toSorted());
      return backup;
    }

    async function expectNothingMissing(copy: Guest, acknowledgedBefore: number): Promise<void> {
      const found = await stage.writes.missingIn(copy.vmid, acknowledgedBefore);
      for (const { stream, acknowledged, missing } of found) {
        say(`guest ${copy.vmid}: ${missing} of ${acknowledged} acknowledged writes of ${stream} missing`);
      }
      expect(found.map(({ stream, missing }) => ({ stream, missing }))).toEqual([
        { stream: 'postgres', missing: 0 },
        { stream: 'redis', missing: 0 },
      ]);
    }

    function copyOf(vmid: number): Guest {
      const copy = stage.lab.guest(vmid);
      if (copy === undefined) throw new Error(`the lab has no guest ${vmid}`);
      return copy;
    }

    /** The stage grants its own copy only. */
    function letRestoreTo(vmid: number): void {
      const token = stage.node.config.restoreToken?.id ?? '';
      const [user = ''] = token.split('!');
      for (const who of [user, token]) stage.node.sim.grant(who, `/vms/${vmid}`, 'TacetRestore');
    }

    async function journalInArchive(backup: Backup): Promise<QuiesceRecord> {
      const text = await fileInArchive(archiveOf(stage, backup), `${journalPath}/quiesce.json`);
      return quiesceRecordSchema.parse(JSON.parse(text));
    }
  },
);

/** By the copy's own account, on its disk: everything is back, and no heal is owed any more. */
async function expectHealed(copy: Guest): Promise<void> {
  const text = await inGuest(copy, ['cat', `${journalPath}/heal.json`]);
  const record = healRecordSchema.parse(JSON.parse(text));
  expect(record).toMatchObject({ vmid: copy.vmid, findings: [] });
  expect(record.finishedAt).not.toBeNull();
  const states = await containerStates(copy);
  for (const service of stack.withoutRestartPolicy) expect(states[service]).toBe('running');
}

/** What was measured, for people who read the run. */
function say(text: string): void {
  process.stderr.write(`${text}\n`);
}
