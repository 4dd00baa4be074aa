import type { Manifest } from '@tacet/protocol';
import { ManualClock, silentLogger } from '@tacet/runtime';
import { describe, expect, it } from 'vitest';
import { MemoryEngine } from '../memory.ts';
import { Wakeup } from '../wakeup.ts';
import type { HealOrder } from './heal-decision.ts';
import { Standing } from './standing.ts';

const soon = () => AbortSignal.timeout(5_000);
const incarnation = { vmid: 101, macs: [], machineId: 'm', hostname: 'h' };

/** A guest with three services, watched. */
function watched(known?: Manifest) {
  const clock = new ManualClock();
  const engine = new MemoryEngine({
    clock,
    containers: ['db', 'web', 'old'].map((service) => ({
      stack: 'shop',
      service,
      image: service,
      restartPolicy: 'unless-stopped' as const,
      state: service === 'old' ? ('exited' as const) : ('running' as const),
    })),
  });
  const written: Manifest[] = [];
  const orders: HealOrder[] = [];
  const expected: Manifest[] = [];
  const quiesce = { isIdle: true };
  const wakeup = new Wakeup(clock);
  const stop = new AbortController();
  const standing = new Standing({
    engine,
    journal: { writeStanding: async (manifest) => void written.push(manifest) },
    healer: {
      view: { manifest: undefined, isIncomplete: false, findings: [] },
      expect: (manifest) => void expected.push(manifest),
      run: async (order) => void orders.push(order),
    },
    guest: { bootId: 'boot', incarnation, agentVersion: '0' },
    known,
    isIdle: () => quiesce.isIdle,
    wakeup,
    clock,
    log: silentLogger,
  });
  const kept = standing.keep(stop.signal);
  const change = async (how: () => Promise<void> | void) => {
    await how();
    wakeup.notify();
    await clock.advance(1_000);
  };
  return {
    clock,
    engine,
    written,
    orders,
    expected,
    quiesce,
    standing,
    change,
    states: () =>
      Object.fromEntries(written.at(-1)?.services.map(({ service, state }) => [service, state]) ?? []),
    async [Symbol.asyncDispose]() {
      stop.abort(new Error('enough'));
      await expect(kept).rejects.toThrow('enough');
    },
  };
}

describe('the standing manifest', () => {
  it('follows what starts and stops while the engine is watched, and is written only then', async () => {
    await using guest = watched();
    await guest.change(() => undefined);
    expect(guest.states()).toEqual({ db: 'running', web: 'running', old: 'exited' });
    await guest.clock.advance(600_000);
    expect(guest.written).toHaveLength(1);
    await guest.change(() => guest.engine.stop(guest.engine.idOf('shop/web'), 0, soon()));
    await guest.change(() => guest.engine.start(guest.engine.idOf('shop/old'), soon()));
    expect(guest.states()).toEqual({ db: 'running', web: 'exited', old: 'running' });
  });

  it('takes what a hold stops for running', async () => {
    await using guest = watched();
    await guest.change(() => undefined);
    guest.quiesce.isIdle = false;
    await guest.change(() => guest.engine.stop(guest.engine.idOf('shop/db'), 0, soon()));
    await guest.clock.advance(120_000);
    expect(guest.states()).toMatchObject({ db: 'running' });
  });

  it('takes what went down with its engine for running, and has it brought back', async () => {
    await using guest = watched();
    await guest.change(() => undefined);
    await guest.change(() => guest.engine.stop(guest.engine.idOf('shop/web'), 0, soon()));
    const comeUp = guest.engine.goAway([guest.engine.idOf('shop/db')]);
    guest.standing.engineLost();
    expect(guest.expected[0]?.services.map(({ service, state }) => [service, state])).toContainEqual([
      'db',
      'running',
    ]);
    await guest.change(comeUp);
    expect(guest.orders).toMatchObject([{ kind: 'engine-return' }]);
    // Nobody has brought it back here: it is still wanted.
    expect(guest.states()).toEqual({ db: 'running', web: 'exited', old: 'exited' });
  });

  it('of this boot believes that what does not run any more was stopped while no agent ran', async () => {
    let before: Manifest | undefined;
    {
      await using guest = watched();
      await guest.change(() => guest.engine.start(guest.engine.idOf('shop/old'), soon()));
      before = guest.written.at(-1);
    }
    await using sameBoot = watched(before);
    await sameBoot.change(() => undefined);
    expect(sameBoot.states()).toMatchObject({ old: 'exited' });
    await using otherBoot = watched(before && { ...before, bootId: 'the one before' });
    await otherBoot.change(() => undefined);
    expect(otherBoot.states()).toMatchObject({ old: 'running' });
  });
});
