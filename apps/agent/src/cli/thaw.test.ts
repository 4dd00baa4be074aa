import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { silentLogger, systemClock, Undo } from '@tacet/runtime';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { journalDirOf } from '../agent.ts';
import { Journal } from '../journal/journal.ts';
import { MemoryEngine, MemoryGuestHost } from '../memory.ts';
import { QuiesceCoordinator } from '../quiesce/coordinator.ts';
import { thawEverything } from './thaw.ts';

let undo: Undo;
let stateDir: string;
beforeEach(async () => {
  undo = new Undo();
  stateDir = await mkdtemp(join(tmpdir(), 'tacet-thaw-'));
  undo.defer(() => rm(stateDir, { recursive: true }));
});
afterEach(() => undo[Symbol.asyncDispose]());

const soon = () => AbortSignal.timeout(2_000);

function shop() {
  const engine = new MemoryEngine({
    containers: [
      { stack: 'shop', service: 'db', image: 'postgres:17' },
      { stack: 'shop', service: 'web', image: 'nginx' },
    ],
  });
  const host = new MemoryGuestHost({ engine });
  const blocked = () => ['shop/db', 'shop/web'].map((name) => engine.writesBlocked(engine.idOf(name)));
  return { engine, host, blocked };
}

/** An agent that held its guest, and of which only the journal is left to look at. */
async function heldByAnAgentThatIsGone({ engine, host }: ReturnType<typeof shop>): Promise<void> {
  const gone = new QuiesceCoordinator({
    engine,
    host,
    journal: new Journal(journalDirOf(stateDir)),
    agentVersion: '0',
    emit: () => undefined,
    clock: systemClock,
    logger: silentLogger,
  });
  undo.defer(() => gone[Symbol.asyncDispose]());
  await gone.prepare({ operationId: 'op', deadlineMs: 2_000 });
  await gone.hold({ operationId: 'op', deadlineMs: 2_000, leaseMs: 60_000 });
}

describe('tacet-agent thaw', () => {
  it('releases what the journal names, without a running agent', async () => {
    const guest = shop();
    await heldByAnAgentThatIsGone(guest);
    expect(guest.blocked()).toEqual([true, true]);
    expect(await thawEverything({ ...guest, stateDir, log: silentLogger }, soon())).toEqual([]);
    expect(guest.blocked()).toEqual([false, false]);
  });

  it('releases what is frozen though no journal names it', async () => {
    const guest = shop();
    const [db] = await guest.engine.containers(soon());
    await guest.host.freezer.freeze(await guest.host.freezer.cgroupOf(db?.pid ?? 0), soon());
    expect(await thawEverything({ ...guest, stateDir, log: silentLogger }, soon())).toEqual([]);
    expect(guest.blocked()).toEqual([false, false]);
  });

  it('thaws frozen containers while the engine hangs, and says what it could not look at', async () => {
    const guest = shop();
    await heldByAnAgentThatIsGone(guest);
    guest.engine.inject({ call: 'containers', effect: 'hang' });
    const left = await thawEverything({ ...guest, stateDir, log: silentLogger }, soon());
    expect(guest.blocked()).toEqual([false, false]);
    expect(left.join()).toContain('nobody remembers');
  });

  it('has nothing to do where nothing is held', async () => {
    expect(await thawEverything({ ...shop(), stateDir, log: silentLogger }, soon())).toEqual([]);
  });
});
