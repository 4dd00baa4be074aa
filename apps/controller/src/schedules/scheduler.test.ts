import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Failure } from '../failure.ts';
import { DeskBench, FakeOperations, guestOn, refusal } from './testing/desk-bench.ts';

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;

let bench: DeskBench;
beforeEach(async () => {
  const guests = [guestOn('pve1', 101), guestOn('pve1', 102), guestOn('pve2', 201)];
  bench = await DeskBench.open('2026-06-01T20:00Z', guests);
});
afterEach(() => bench[Symbol.asyncDispose]());

describe('a schedule', () => {
  it('begins its backups at their time, one on each node, the next when one has ended', async () => {
    await bench.put();
    await bench.until('2026-06-02T01:59:59Z');
    expect(bench.begun).toEqual([]);
    await bench.until('2026-06-02T02:00Z');
    expect(bench.begun).toEqual([101, 201]);
    expect(await bench.states()).toEqual(['101 started', '102 queued', '201 started']);
    await bench.end(201);
    expect(bench.begun).toEqual([101, 201]);
    await bench.end(101, { consistency: 'crash' });
    expect(bench.begun).toEqual([101, 201, 102]);
    await bench.end(102, { error: refusal('backup-failed', 'no space') });
    const runs = await bench.desk.runs('nightly', 10);
    expect(runs.map((run) => [run.vmid, run.state, run.consistency, run.message])).toEqual([
      [201, 'succeeded', 'app', 'as the test has it'],
      [102, 'failed', null, 'no space'],
      [101, 'succeeded', 'crash', 'as the test has it'],
    ]);
    expect(runs.map(({ operationId }) => operationId)).toEqual(
      [201, 102, 101].map((vmid) => bench.operations.started.find((one) => one.vmid === vmid)?.id),
    );
    await bench.until('2026-06-03T01:59Z');
    expect(bench.begun).toHaveLength(3);
    await bench.until('2026-06-03T02:00Z');
    expect(bench.begun.slice(3)).toEqual([101, 201]);
  });

  it('says of each backup how it is to be made', async () => {
    const how = {
      storage: 'pbs',
      mode: 'snapshot',
      whenNotQuiesced: 'fail-closed',
      maxHoldMs: 20_000,
      retention: { keepDaily: 7 },
    } as const;
    await bench.put({ guests: { include: { vmids: [102] } }, ...how });
    await bench.until('2026-06-02T02:00Z');
    expect(bench.operations.started).toMatchObject([{ vmid: 102, options: how }]);
  });

  it('spreads its backups by jitter, each at a time of its own', async () => {
    await bench.put({ when: { event: '02:00', timeZone: 'UTC', jitterMs: hourMs } });
    const turns = (await bench.desk.preview('nightly', 1, new AbortController().signal)).guests;
    await bench.until('2026-06-02T03:00:30Z');
    for (const { vmid } of turns) {
      if (bench.operations.running().some((operation) => operation.vmid === vmid)) await bench.end(vmid);
    }
    expect(bench.begun.toSorted((a, b) => a - b)).toEqual([101, 102, 201]);
    const runs = await bench.desk.runs('nightly', 10);
    expect(new Map(runs.map((run) => [run.vmid, run.dueAt]))).toEqual(
      new Map(turns.map(({ vmid, nextAt }) => [vmid, nextAt])),
    );
    expect(new Set(turns.map(({ nextAt }) => nextAt)).size).toBe(3);
  });

  it('begins nothing in a blackout, and then what was due in it', async () => {
    await bench.put({ blackouts: [{ kind: 'daily', from: '01:00', to: '04:30' }] });
    await bench.until('2026-06-02T04:29:30Z');
    expect(bench.begun).toEqual([]);
    const [waiting] = await bench.desk.runs('nightly', 1);
    expect(waiting).toMatchObject({ state: 'queued', message: 'waits for the end of a blackout' });
    await bench.until('2026-06-02T04:31Z');
    expect(bench.begun).toEqual([101, 201]);
  });

  it('keeps to the limit of a storage over all nodes where it is shared, and on each where it is not', async () => {
    const limited = { concurrency: { perStorage: 1 } };
    await bench.put({ ...limited, name: 'local', when: { event: '02:00', timeZone: 'UTC' } });
    await bench.until('2026-06-02T02:00Z');
    expect(bench.begun).toEqual([101, 201]);
    bench.shared = true;
    await bench.put({
      ...limited,
      name: 'shared',
      storage: 'nas',
      when: { event: '03:00', timeZone: 'UTC' },
    });
    await bench.desk.delete('local');
    for (const vmid of [101, 201]) await bench.end(vmid);
    await bench.until('2026-06-02T03:00Z');
    expect(bench.begun.slice(2)).toEqual([101]);
    await bench.end(101);
    expect(bench.begun.slice(2)).toEqual([101, 102]);
  });

  it('counts what somebody else has begun on the node', async () => {
    await bench.put();
    await bench.operations.backup(102, {}, 'by hand');
    await bench.until('2026-06-02T02:00Z');
    expect(bench.begun).toEqual([102, 201]);
    await bench.end(102);
    expect(bench.begun).toEqual([102, 201, 101]);
  });

  it('waits for whatever else is done with a guest, and keeps no other back for it', async () => {
    await bench.put();
    bench.operations.busy.add(101);
    await bench.until('2026-06-02T02:00Z');
    expect(bench.begun).toEqual([102, 201]);
    bench.operations.busy.clear();
    await bench.end(102);
    expect(bench.begun).toEqual([102, 201, 101]);
  });

  it('tries again where somebody else was quicker', async () => {
    await bench.put({ guests: { include: { vmids: [101] } } });
    bench.operations.onBackup = () => {
      throw new Failure('conflict', 'another operation on guest 101 is running');
    };
    await bench.until('2026-06-02T02:01Z');
    expect(await bench.states()).toEqual(['101 queued']);
    bench.operations.onBackup = () => undefined;
    await bench.pass(minuteMs);
    expect(bench.begun).toEqual([101]);
  });

  it('tells of everybody whom it names and nobody is, once a night', async () => {
    await bench.put({ guests: { include: { vmids: [101, 105], tags: ['prod'] } } });
    await bench.put({ name: 'nobody', guests: { include: { tags: ['prdo'] } } });
    await bench.until('2026-06-03T01:00Z');
    expect(await bench.events('schedule.unmatched')).toEqual([
      'nightly: nobody matches VMID 105, tag prod',
      'nobody: no guest is backed up: nobody matches tag prdo',
    ]);
  });

  it('backs up although nothing can be written down', async () => {
    await bench.put({ guests: { include: { vmids: [101] } } });
    const full = new Error('database or disk is full');
    const decided = vi.spyOn(bench.store.scheduleRuns, 'decided').mockRejectedValue(full);
    const save = vi.spyOn(bench.store.scheduleRuns, 'save').mockRejectedValue(full);
    await bench.until('2026-06-02T02:10Z');
    expect(bench.begun).toEqual([101]);
    decided.mockRestore();
    save.mockRestore();
    await bench.end(101);
    expect(await bench.states()).toEqual(['101 succeeded']);
    await bench.until('2026-06-02T12:00Z');
    expect(bench.begun).toEqual([101]);
  });

  it('that is deleted drops what waits, and leaves what is under way', async () => {
    await bench.put();
    await bench.until('2026-06-02T02:00Z');
    await bench.desk.delete('nightly');
    await bench.settle();
    await bench.end(101);
    expect(bench.begun).toEqual([101, 201]);
    expect(await bench.states()).toEqual(['101 succeeded', '102 missed', '201 started']);
    expect(await bench.events('schedule.missed')).toEqual([
      'nightly: guest 102 is not backed up: the schedule was deleted',
    ]);
  });

  it('that is disabled drops what waits, and makes up for nothing', async () => {
    await bench.put();
    await bench.until('2026-06-02T02:00Z');
    await bench.put({ enabled: false });
    await bench.until('2026-06-03T12:00Z');
    await bench.put();
    await bench.pass(hourMs);
    expect(await bench.states()).toEqual(['101 started', '102 missed', '201 started']);
  });

  it('asks the nodes for their guests only when something is due', async () => {
    await bench.put();
    await bench.until('2026-06-02T01:59Z');
    expect(bench.looks).toBe(0);
    await bench.until('2026-06-02T02:00Z');
    expect(bench.looks).toBe(1);
  });
});

describe('an event that happens while the nodes are asked for their guests', () => {
  it('is not seen half a minute late', async () => {
    const early = { event: '01:59:58', timeZone: 'UTC' };
    await bench.put({ name: 'early', guests: { include: { vmids: [201] } }, when: early });
    await bench.put({ guests: { include: { vmids: [101] } } });
    bench.onLook = () => bench.clock.sleep(5_000);
    await bench.until('2026-06-02T01:59:58Z');
    expect(bench.begun).toEqual([]);
    await bench.pass(5_000);
    expect(bench.begun).toEqual([201, 101]);
  });
});

describe('guests of a node that is silent', () => {
  it('are those that it had, also after a restart', async () => {
    await bench.put();
    await bench.until('2026-06-02T02:00Z');
    for (const vmid of [101, 201, 102]) await bench.end(vmid);
    bench.trouble = 'no route to host';
    await bench.restart();
    await bench.until('2026-06-03T02:01Z');
    expect(bench.begun.slice(3)).toEqual([101, 201]);
  });

  it('are gone when it says so', async () => {
    await bench.put();
    await bench.until('2026-06-02T02:00Z');
    for (const vmid of [101, 201, 102]) await bench.end(vmid);
    bench.guests = bench.guests.filter(({ vmid }) => vmid !== 101);
    await bench.until('2026-06-03T02:00Z');
    expect(bench.begun.slice(3)).toEqual([102, 201]);
  });
});

describe('a controller that comes back', () => {
  it('goes on with what had not begun, and does nothing twice', async () => {
    await bench.put();
    await bench.until('2026-06-02T02:00Z');
    expect(await bench.states()).toEqual(['101 started', '102 queued', '201 started']);
    // Meanwhile 101 ends, and of 201 was never more than the run's own record.
    const { operations } = bench;
    const ids = new Map(operations.started.map(({ vmid, id }) => [vmid, id]));
    await bench.stop();
    const ended = bench.endUntold(101);
    bench.operations = new FakeOperations();
    bench.operations.known.set(ended.id, ended);
    await bench.start();
    await bench.settle();
    expect(await bench.states()).toEqual(['101 succeeded', '102 started', '201 started']);
    expect(bench.begun.toSorted((a, b) => a - b)).toEqual([102, 201]);
    expect(bench.operations.started.map(({ id }) => id)).not.toContain(ids.get(201));
  });

  it('leaves what still runs to whoever follows it', async () => {
    await bench.put();
    await bench.until('2026-06-02T02:00Z');
    await bench.restart(minuteMs);
    expect(bench.begun).toEqual([101, 201]);
    await bench.end(101);
    expect(bench.begun).toEqual([101, 201, 102]);
  });

  it('begins again with a backup of which Proxmox VE had not been asked', async () => {
    await bench.put({ guests: { include: { vmids: [101] } } });
    await bench.until('2026-06-02T02:00Z');
    await bench.restart(minuteMs);
    await bench.end(101, { error: refusal('not-started', 'the controller restarted') });
    expect(bench.begun).toEqual([101, 101]);
    await bench.end(101);
    expect(await bench.states()).toEqual(['101 succeeded']);
  });

  it.each([
    ['run-once', ['101 started', '102 queued', '201 started']],
    ['skip', ['101 missed', '102 missed', '201 missed']],
  ] as const)('after a night: %s', async (policy, states) => {
    await bench.put({ missed: policy });
    await bench.restart(14 * hourMs);
    await bench.settle();
    expect(await bench.states()).toEqual(states);
    expect((await bench.desk.runs('nightly', 1))[0]).toMatchObject({ late: true });
  });

  it.each([
    ['run-once', ['101 failed', '102 started', '201 succeeded']],
    ['skip', ['101 failed', '102 missed', '201 succeeded']],
  ] as const)('in the morning after it went down among its runs: %s', async (policy, states) => {
    await bench.put({ missed: policy });
    await bench.until('2026-06-02T02:00Z');
    await bench.end(201);
    await bench.restart(6 * hourMs);
    await bench.end(101, { error: refusal('backup-failed', 'killed') });
    expect(await bench.states()).toEqual(states);
  });

  it('waits a while for agents that have not come back yet, and holds up nobody else for them', async () => {
    await bench.put();
    bench.away.add(101);
    await bench.until('2026-06-02T01:59:30Z');
    await bench.restart(20_000);
    await bench.until('2026-06-02T02:00:30Z');
    expect(bench.begun).toEqual([102, 201]);
    await bench.end(102);
    const [run] = (await bench.desk.runs('nightly', 10)).filter(({ vmid }) => vmid === 101);
    expect(run?.message).toMatch(/^waits for the agent/);
    await bench.until('2026-06-02T02:01Z');
    expect(bench.begun).toEqual([102, 201, 101]);
  });
});

describe('a schedule that somebody runs now', () => {
  const signal = new AbortController().signal;

  it('runs, whatever it says of times', async () => {
    await bench.put({ enabled: false, blackouts: [{ kind: 'daily', from: '00:00', to: '23:59' }] });
    const { runs, alreadyUnderWay } = await bench.desk.runNow('nightly', undefined, signal);
    expect(runs.map(({ vmid, cause, state }) => [vmid, cause, state])).toEqual(
      [101, 102, 201].map((vmid) => [vmid, 'request', 'queued']),
    );
    expect(alreadyUnderWay).toEqual([]);
    await bench.settle();
    expect(bench.begun).toEqual([101, 201]);
    const again = await bench.desk.runNow('nightly', undefined, signal);
    expect(again.alreadyUnderWay).toEqual([101, 201]);
    expect(again.runs.map(({ id }) => id)).toEqual([runs[1]?.id]);
  });

  it('runs for some of those that it selects', async () => {
    await bench.put({ guests: { include: { all: true }, exclude: { vmids: [102] } } });
    await bench.desk.runNow('nightly', [201], signal);
    await bench.settle();
    expect(bench.begun).toEqual([201]);
    await expect(bench.desk.runNow('nightly', [101, 102], signal)).rejects.toMatchObject({
      code: 'invalid-input',
      message: expect.stringContaining('does not select 102'),
    });
  });

  it('takes along a run that waits for the end of a blackout', async () => {
    await bench.put({
      guests: { include: { vmids: [101] } },
      blackouts: [{ kind: 'daily', from: '01:00', to: '04:30' }],
    });
    await bench.until('2026-06-02T02:00Z');
    await bench.desk.runNow('nightly', undefined, signal);
    await bench.settle();
    expect(await bench.states()).toEqual(['101 started']);
  });
});
