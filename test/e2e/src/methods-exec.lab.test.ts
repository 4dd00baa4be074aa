import { ExecMethod, inheritedExecLock } from '@tacet/agent/src/methods/exec.ts';
import { holdMark, type MethodTarget } from '@tacet/agent/src/methods/method.ts';
import { labObstacle } from '@tacet/lab';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type MethodsGuest, openMethodsGuest } from './methods-guest.ts';

const obstacle = labObstacle();
const within = (ms: number): AbortSignal => AbortSignal.timeout(ms);

describe.skipIf(obstacle !== undefined)(
  `the method of labels${obstacle ? ` (skipped: ${obstacle})` : ''}`,
  () => {
    let bench: MethodsGuest;
    let of: MethodTarget;
    beforeAll(async () => {
      bench = await openMethodsGuest(143);
      of = await bench.run(
        'app',
        '--label=tacet.exec.thaw=rm /tmp/held',
        'tacet-lab/writer:1',
        'sleep',
        'infinity',
      );
    });
    afterAll(() => bench?.[Symbol.asyncDispose]());

    const running = async (): Promise<number> => (await bench.ports.processes.list(of.cgroup)).length;
    const isHeld = async (): Promise<boolean> =>
      (await bench.inContainer(of, ['sh', '-c', 'test -e /tmp/held && echo held || echo free'])) === 'held\n';

    it('holds and releases', async () => {
      const method = new ExecMethod(of, bench.ports, {
        'tacet.exec.prepare': 'echo "$TACET_PHASE $(id -un)" > /tmp/prepared',
        'tacet.exec.hold': 'touch /tmp/held',
        'tacet.exec.thaw': 'rm /tmp/held',
      });
      await method.prepare(within(20_000));
      expect(await bench.inContainer(of, ['cat', '/tmp/prepared'])).toBe('prepare nobody\n');
      await method.lock.hold(30_000, within(20_000));
      expect([await isHeld(), await method.lock.isHeld()]).toEqual([true, true]);
      await method.lock.thaw(within(20_000));
      expect([await isHeld(), await method.lock.isHeld()]).toEqual([false, false]);
    });

    it('kills a command that never ends, with all its children, and undoes it', async () => {
      const before = await running();
      const method = new ExecMethod(of, bench.ports, {
        'tacet.exec.hold': `touch /tmp/held
          setsid sleep 3601 &
          (setsid sh -c 'trap "" TERM HUP; while :; do sleep 1; done' &)
          env -i sleep 3602 &
          sleep 3603`,
        'tacet.exec.thaw': 'rm /tmp/held',
        'tacet.exec.timeout': 1_500,
      });
      const hold = method.lock.hold(30_000, within(20_000));
      const failure = hold.catch((error: unknown) => error);
      await expect.poll(running, { timeout: 10_000 }).toBeGreaterThanOrEqual(before + 6);
      expect(await failure).toMatchObject({
        code: 'deadline-exceeded',
        message: 'the hold command was not done after 1500 ms: killed with its children',
      });
      expect(await running()).toBe(before);
      expect(await isHeld()).toBe(true);
      await method.lock.thaw(within(20_000));
      expect(await isHeld()).toBe(false);
    });

    it('tells what a command said when it failed', async () => {
      const method = new ExecMethod(of, bench.ports, {
        'tacet.exec.hold': 'touch /tmp/held; echo fine; echo "no such mode" >&2; exit 3',
        'tacet.exec.thaw': 'rm /tmp/held',
      });
      await expect(method.lock.hold(30_000, within(20_000))).rejects.toMatchObject({
        code: 'hold-failed',
        message: 'the hold command ended with exit code 3: no such mode',
      });
      await method.lock.thaw(within(20_000));
      expect(await isHeld()).toBe(false);
    });

    it('does not wait for what a command leaves running with outputs of its own', async () => {
      const before = await running();
      const method = new ExecMethod(of, bench.ports, {
        'tacet.exec.hold': 'sleep 3600 >/dev/null 2>&1 </dev/null &',
        'tacet.exec.thaw': 'kill $(pgrep -x -f "sleep 3600")',
      });
      await method.lock.hold(30_000, within(20_000));
      expect(await running()).toBe(before + 1);
      await method.lock.thaw(within(20_000));
      expect(await running()).toBe(before);
    });

    it('kills what is marked also while it is frozen', async () => {
      const before = await running();
      const sleeping = async (): Promise<number> =>
        (await bench.ports.processes.list(of.cgroup)).filter(({ name }) => name === 'sleep').length;
      const asleep = await sleeping();
      const argv = ['sleep', '3600'];
      const ended = bench.ports.engine.exec(
        of.container.id,
        { argv, env: { [holdMark]: '1' } },
        within(60_000),
      );
      const result = ended.catch((error: unknown) => error);
      // Not before it is what was asked for: the engine's own starter has no mark yet.
      await expect.poll(sleeping, { timeout: 10_000 }).toBe(asleep + 1);
      await bench.ports.freezer.freeze(of.cgroup, within(5_000));
      try {
        await bench.ports.processes.killMarked(of.cgroup, holdMark, within(5_000));
        expect(await running()).toBe(before);
        expect(await bench.ports.freezer.isFrozen(of.cgroup)).toBe(true);
      } finally {
        await bench.ports.freezer.thaw(of.cgroup, within(5_000));
      }
      expect(await result).toMatchObject({ exitCode: 137 });
    });

    it('is undone by a fresh process, as the labels of the container say, when the container runs', async () => {
      const before = await running();
      const dead = new ExecMethod(of, bench.ports, { 'tacet.exec.hold': 'touch /tmp/held; sleep 3600' });
      const hold = dead.lock.hold(30_000, within(60_000)).catch((error: unknown) => error);
      await expect.poll(isHeld, { timeout: 10_000 }).toBe(true);
      const { record } = dead.lock;
      await inheritedExecLock(record, bench.ports, 0).thaw(within(20_000));
      expect([await isHeld(), await running()]).toEqual([false, before]);
      expect(await hold).toMatchObject({ code: 'hold-failed' });

      await bench.inContainer(of, ['touch', '/tmp/held'], 'nobody');
      await bench.ports.engine.stop(record.containerId, 0, within(20_000));
      const late = inheritedExecLock(record, bench.ports, 0);
      await expect(late.thaw(within(20_000))).rejects.toMatchObject({ code: 'wrong-state', retryable: true });
      await bench.ports.engine.start(record.containerId, within(20_000));
      await late.thaw(within(20_000));
      expect(await isHeld()).toBe(false);

      await bench.guest.exec(['docker', 'rm', '--force', record.containerId]);
      await inheritedExecLock(record, bench.ports, 0).thaw(within(20_000));
    });
  },
);
