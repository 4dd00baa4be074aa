import { deferred, ManualClock, silentLogger } from '@tacet/runtime';
import { describe, expect, it } from 'vitest';
import { Listeners } from '../listeners.ts';
import { MemoryEngine } from '../memory.ts';
import { EventLog } from '../session/event-log.ts';
import { Wakeup } from '../wakeup.ts';
import { DatabaseProber } from './database-prober.ts';
import { ReadyProber } from './probes/ready-prober.ts';
import type { QuiesceView } from './picture.ts';
import { keepReadiness } from './readiness-loop.ts';
import { StatusBoard } from './status-board.ts';

const soon = () => AbortSignal.timeout(5_000);

function startReadiness() {
  const clock = new ManualClock();
  const engine = new MemoryEngine({
    clock,
    containers: [{ stack: 'shop', service: 'db', image: 'postgres:17', restartPolicy: 'always' }],
  });
  const events = new EventLog({ clock, log: silentLogger });
  let quiesce: QuiesceView = { state: 'idle', unthawed: [] };
  const quiesceChanged = new Listeners();
  const board = new StatusBoard({ quiesceState: () => quiesce.state, events, clock });
  const wakeup = new Wakeup(clock);
  const stop = new AbortController();
  const loop = keepReadiness(
    {
      engine,
      prober: new DatabaseProber(engine, clock),
      readyProber: new ReadyProber(engine, clock),
      data: { view: { hasManifest: false, checks: [] }, note: () => undefined },
      board,
      wakeup,
      quiesce: () => quiesce,
      onQuiesceChange: (listener) => quiesceChanged.add(listener),
      heal: () => ({ manifest: undefined, isIncomplete: false, findings: [] }),
      identity: () => ({ kind: 'verified', vmid: 101 }),
      missingRestartPolicy: 'unless-stopped',
      clock,
      log: silentLogger,
    },
    stop.signal,
  );
  return {
    clock,
    engine,
    board,
    wakeup,
    events,
    setQuiesce(next: QuiesceView) {
      quiesce = next;
      quiesceChanged.notify();
    },
    ready: () => board.current().conditions.find(({ type }) => type === 'Ready'),
    async [Symbol.asyncDispose]() {
      stop.abort(new Error('the test ends'));
      await loop.catch(() => undefined);
    },
  };
}

describe('readiness', () => {
  it('follows what happens without being told', async () => {
    await using guest = startReadiness();
    await guest.clock.advance(500);
    expect(guest.ready()?.status).toBe('True');
    await guest.engine.pause(guest.engine.idOf('shop/db'), soon());
    await guest.clock.advance(31_000);
    expect(guest.ready()).toMatchObject({ status: 'False', reason: 'NotRunning' });
  });

  it('says nothing while nothing changes', async () => {
    await using guest = startReadiness();
    await guest.clock.advance(500);
    const { generation } = guest.board.current();
    const told = guest.events.pending(0).length;
    await guest.clock.advance(120_000);
    expect(guest.board.current().generation).toBe(generation);
    expect(guest.events.pending(0)).toHaveLength(told);
  });

  it('takes no notice of a short hold, starts nothing in a held container, and tells a long one', async () => {
    await using guest = startReadiness();
    await guest.clock.advance(500);
    const told = guest.events.pending(0).length;
    let asked = 0;
    const count = guest.engine.exec.bind(guest.engine);
    guest.engine.exec = async (...args) => {
      asked += 1;
      return await count(...args);
    };
    guest.setQuiesce({ state: 'held', unthawed: [] });
    guest.wakeup.notify();
    await guest.clock.advance(3_000);
    guest.setQuiesce({ state: 'idle', unthawed: [] });
    await guest.clock.advance(3_000);
    expect(guest.events.pending(0)).toHaveLength(told);
    guest.setQuiesce({ state: 'held', unthawed: [] });
    guest.wakeup.notify();
    await guest.clock.advance(60_000);
    expect(guest.ready()).toMatchObject({ status: 'False', reason: 'Held' });
    expect(asked).toBe(0);
    guest.setQuiesce({ state: 'idle', unthawed: [] });
    await guest.clock.advance(31_000);
    expect(guest.ready()?.status).toBe('True');
  });

  it('takes no notice of a short hold that begins while it looks', async () => {
    await using guest = startReadiness();
    await guest.clock.advance(500);
    const told = guest.events.pending(0).length;
    const comeToLate = deferred();
    guest.engine.inject({ call: 'containers', effect: comeToLate.promise, times: 1 });
    await guest.clock.advance(31_000);
    guest.setQuiesce({ state: 'held', unthawed: [] });
    comeToLate.resolve();
    await guest.clock.advance(1_000);
    guest.setQuiesce({ state: 'idle', unthawed: [] });
    await guest.clock.advance(31_000);
    expect(guest.events.pending(0).slice(told)).toEqual([]);
  });

  it('stops asking a database when a hold begins in the middle of it', async () => {
    await using guest = startReadiness();
    await guest.clock.advance(500);
    let asking: AbortSignal | undefined;
    guest.engine.exec = (_containerId, _request, signal) => {
      asking = signal;
      return new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
    };
    await guest.clock.advance(31_000);
    expect(asking?.aborted).toBe(false);
    guest.setQuiesce({ state: 'holding', unthawed: [] });
    expect(asking?.aborted).toBe(true);
    await guest.clock.advance(10_000);
    expect(guest.board.current().conditions.find(({ type }) => type === 'DatabasesAccepting')?.status).toBe(
      'True',
    );
  });
});
