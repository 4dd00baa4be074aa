import { deferred, ManualClock, TacetError } from '@tacet/runtime';
import { readLabels } from '@tacet/protocol';
import { describe, expect, it } from 'vitest';
import type { ExecRequest, ExecResult } from '../engine/engine.ts';
import { MemoryEngine } from '../engine/memory-engine.ts';
import { ExecMethod, inheritedExecLock } from './exec.ts';
import { portsOf, targetOf } from './testing.ts';

const { signal } = new AbortController();
const all = {
  'tacet.exec.prepare': 'flush',
  'tacet.exec.hold': 'stop-writing',
  'tacet.exec.thaw': 'write-again',
};
const done: ExecResult = { exitCode: 0, stdout: '', stderr: '' };
const never = new Promise<never>(() => undefined);

type Answer = (command: string) => Promise<ExecResult> | ExecResult;

async function bench(labels: Record<string, string>, answer: Answer = () => done) {
  const clock = new ManualClock();
  const engine = new MemoryEngine({
    containers: [{ stack: 'shop', service: 'app', image: 'app:1', labels }],
    clock,
  });
  const requests: ExecRequest[] = [];
  engine.exec = async (_id, request, within) => {
    requests.push(request);
    const ended = new Promise<never>((_resolve, reject) =>
      within.addEventListener('abort', () => reject(within.reason)),
    );
    return await Promise.race([answer(request.argv[2] ?? ''), ended]);
  };
  const ports = portsOf(engine, clock);
  const target = await targetOf(engine, 'shop/app');
  const method = new ExecMethod(target, ports, readLabels(labels).labels);
  const ran = (): (string | undefined)[] => requests.map(({ argv }) => argv[2]);
  return { clock, engine, ports, method, lock: method.lock, requests, ran, id: target.container.id };
}

describe('commands of labels', () => {
  it('run in the shell of their container, one for each phase', async () => {
    const { method, lock, requests } = await bench(all);
    await method.prepare(signal);
    await lock.hold(30_000, signal);
    await lock.hold(30_000, signal);
    expect(await lock.isHeld()).toBe(true);
    await lock.thaw(signal);
    await lock.thaw(signal);
    expect(await lock.isHeld()).toBe(false);
    expect(requests).toEqual([
      { argv: ['sh', '-c', 'flush'], env: { TACET_HOLD: '1', TACET_PHASE: 'prepare' } },
      { argv: ['sh', '-c', 'stop-writing'], env: { TACET_HOLD: '1', TACET_PHASE: 'hold' } },
      { argv: ['sh', '-c', 'write-again'], env: { TACET_HOLD: '1', TACET_PHASE: 'thaw' } },
    ]);
  });

  it('may be missing', async () => {
    const { method, lock, ran } = await bench({ 'tacet.exec.prepare': 'flush' });
    await method.prepare(signal);
    await lock.hold(30_000, signal);
    expect(await lock.isHeld()).toBe(true);
    await lock.thaw(signal);
    expect(ran()).toEqual(['flush']);
  });

  it.each<[Record<string, string>, string[]]>([
    [all, []],
    [{}, ['has no command: give it the label tacet.exec.prepare or tacet.exec.hold']],
    [{ 'tacet.exec.hold': 'x' }, ['nothing undoes its hold command: no label tacet.exec.thaw']],
    [
      { 'tacet.exec.thaw': 'x', 'tacet.exec.prepare': 'x' },
      ['its thaw command never runs: no label tacet.exec.hold'],
    ],
  ])('are told when they do not fit together: %j', async (labels, notes) => {
    const { method } = await bench(labels);
    expect(await method.discover()).toEqual({ engine: null, predictedHoldMs: null, notes });
  });

  it('fail with the last line that they said', async () => {
    const failing: ExecResult = { exitCode: 3, stdout: 'fine\n', stderr: 'first\nno such mode\n\n' };
    const { method, lock, ran } = await bench(all, (command) => (command === 'write-again' ? done : failing));
    await expect(method.prepare(signal)).rejects.toMatchObject({
      code: 'prepare-failed',
      message: 'the prepare command ended with exit code 3: no such mode',
    });
    await expect(lock.hold(30_000, signal)).rejects.toMatchObject({ code: 'hold-failed' });
    expect(await lock.isHeld()).toBe(false);
    await lock.thaw(signal);
    expect(ran().at(-1)).toBe('write-again');
  });
});

describe('a command that does not end', () => {
  it('is killed with its children after its time, and undone', async () => {
    const b = await bench({ ...all, 'tacet.exec.timeout': '2s' }, (command) =>
      command === 'stop-writing' ? never : done,
    );
    const holding = b.lock.hold(30_000, signal);
    const failure = holding.catch((error: unknown) => error);
    await b.clock.whenSleeping();
    await b.clock.advance(2_000);
    expect(await failure).toMatchObject({
      code: 'deadline-exceeded',
      message: 'the hold command was not done after 2000 ms: killed with its children',
      hint: 'The label tacet.exec.timeout gives it more time.',
    });
    expect(b.ports.processes.killedIn).toEqual([b.lock.record.cgroup]);
    await b.lock.thaw(signal);
    expect(b.ran()).toEqual(['stop-writing', 'write-again']);
  });

  it('is killed when nobody wants it any more', async () => {
    const b = await bench(all, (command) => (command === 'stop-writing' ? never : done));
    const reason = new Error('released');
    const giveUp = new AbortController();
    const holding = b.lock.hold(30_000, giveUp.signal);
    await b.clock.whenSleeping();
    giveUp.abort(reason);
    await expect(holding).rejects.toBe(reason);
    expect(b.ports.processes.killedIn).toHaveLength(1);
    await b.lock.thaw(signal);
    expect(b.ran().at(-1)).toBe('write-again');
  });

  it('is killed before its undo begins, which is not killed with it', async () => {
    const b = await bench(all, (command) => (command === 'stop-writing' ? never : done));
    const killing = deferred();
    b.ports.processes.killMarked = () => killing.promise;
    const giveUp = new AbortController();
    const holding = b.lock.hold(30_000, giveUp.signal).catch((error: unknown) => error);
    await b.clock.whenSleeping();
    giveUp.abort(new Error('released'));
    const thawing = b.lock.thaw(signal);
    await b.clock.whenSleeping();
    expect(b.ran()).toEqual(['stop-writing']);
    killing.resolve();
    await thawing;
    expect(await holding).toMatchObject({ message: 'released' });
    expect(b.ran()).toEqual(['stop-writing', 'write-again']);
  });

  it('says so when it could not be killed', async () => {
    const b = await bench(all, () => never);
    b.ports.processes.killMarked = async () => {
      throw new Error('its disk hangs');
    };
    const failure = b.lock.hold(30_000, signal).catch((error: unknown) => error);
    await b.clock.whenSleeping();
    await b.clock.advance(10_000);
    expect(await failure).toMatchObject({
      message: 'the hold command was not done after 10000 ms: not killed, its disk hangs',
    });
  });
});

describe('the undo', () => {
  it('goes on when whoever waits for it gives up, and is joined the next time', async () => {
    const slow = deferred<ExecResult>();
    const b = await bench(all, (command) => (command === 'write-again' ? slow.promise : done));
    await b.lock.hold(30_000, signal);
    const reason = new Error('enough');
    const giveUp = new AbortController();
    const first = b.lock.thaw(giveUp.signal);
    await b.clock.whenSleeping();
    giveUp.abort(reason);
    await expect(first).rejects.toBe(reason);
    const second = b.lock.thaw(signal);
    slow.resolve(done);
    await second;
    expect(b.ran()).toEqual(['stop-writing', 'write-again']);
  });

  it('is tried again when it fails', async () => {
    let attempts = 0;
    const b = await bench(all, (command) =>
      command === 'write-again' && (attempts += 1) === 1 ? { ...done, exitCode: 1 } : done,
    );
    await b.lock.hold(30_000, signal);
    await expect(b.lock.thaw(signal)).rejects.toMatchObject({ retryable: true });
    await b.lock.thaw(signal);
    expect(b.ran()).toEqual(['stop-writing', 'write-again', 'write-again']);
  });

  it('needs nothing but the record in a fresh process, which first ends what the dead one left running', async () => {
    const b = await bench(all);
    await inheritedExecLock(b.lock.record, b.ports, 0).thaw(signal);
    expect(b.ports.processes.killedIn).toEqual([b.lock.record.cgroup]);
    expect(b.ran()).toEqual(['write-again']);
  });

  it('waits until the container of a restored copy runs', async () => {
    const b = await bench(all);
    b.engine.crash(b.id);
    const lock = inheritedExecLock(b.lock.record, b.ports, 0);
    await expect(lock.thaw(signal)).rejects.toMatchObject({ code: 'wrong-state', retryable: true });
    await b.engine.start(b.id, signal);
    await lock.thaw(signal);
    expect(b.ran()).toEqual(['write-again']);
  });

  it('is not needed where the container is gone', async () => {
    const b = await bench(all);
    await b.lock.hold(30_000, signal);
    b.engine.exec = async () => {
      throw new TacetError('no such container', { code: 'not-found' });
    };
    await b.lock.thaw(signal);
    b.engine.remove(b.id);
    await inheritedExecLock(b.lock.record, b.ports, 0).thaw(signal);
    expect(b.ran()).toEqual(['stop-writing']);
  });

  it('is not run where nothing was started', async () => {
    const b = await bench(all);
    await b.lock.thaw(signal);
    expect(b.ran()).toEqual([]);
  });
});

describe('what a command holds', () => {
  it('is not believed any more when the container has been started again', async () => {
    const b = await bench(all);
    await b.lock.hold(30_000, signal);
    b.engine.crash(b.id);
    expect(await b.lock.isHeld()).toBe(false);
  });
});
