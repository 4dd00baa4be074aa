import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { silentLogger, Undo } from '@tacet/runtime';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { type Agent, startAgent } from '../../agent.ts';
import { parseConfig } from '../../config.ts';
import { MemoryEngine, MemoryGuestHost } from '../../memory.ts';

const soon = () => AbortSignal.timeout(10_000);

let undo: Undo;
beforeEach(() => void (undo = new Undo()));
afterEach(() => undo[Symbol.asyncDispose]());

async function directory(): Promise<string> {
  const made = await mkdtemp(join(tmpdir(), 'tacet-copy-'));
  undo.defer(() => rm(made, { recursive: true }));
  return made;
}

async function start(engine: MemoryEngine, stateDir: string, vmid: number): Promise<Agent> {
  const agent = await startAgent({
    engine,
    guestHost: new MemoryGuestHost({ engine, incarnation: { vmid } }),
    config: parseConfig({ stateDir, healGraceMs: 0 }),
    log: silentLogger,
  });
  undo.defer(() => agent[Symbol.asyncDispose]());
  return agent;
}

const dataOf = (agent: Agent) => agent.status().conditions.find(({ type }) => type === 'DataVerified');

/** A guest with ten keys that was copied while it was held, as its disk and its engine were at that instant. */
async function heldCopy() {
  const engine = new MemoryEngine({
    containers: [{ stack: 'shop', service: 'cache', image: 'redis:8', restartPolicy: 'always' }],
  });
  for (let key = 0; key < 10; key += 1) await engine.write(engine.idOf('shop/cache'), `key ${key}`, soon());
  const stateDir = await directory();
  const agent = await start(engine, stateDir, 101);
  expect(dataOf(agent)).toMatchObject({ status: 'Unknown' });
  await expect.poll(() => dataOf(agent)?.reason).toBe('NoManifest');
  await agent.commands['freeze']?.();
  const copy = { stateDir: await directory(), capture: engine.capture() };
  await cp(stateDir, copy.stateDir, { recursive: true });
  await agent.commands['thaw']?.();
  await expect.poll(() => dataOf(agent), { timeout: 20_000 }).toMatchObject({ reason: 'NotRestarted' });
  return copy;
}

it('a copy of a held guest is verified against the marker that it carries', async () => {
  const { stateDir, capture } = await heldCopy();
  const agent = await start(MemoryEngine.fromCapture(capture), stateDir, 201);
  await expect
    .poll(() => dataOf(agent), { timeout: 20_000 })
    .toMatchObject({
      status: 'True',
      reason: 'DataMatches',
      message: expect.stringContaining('shop/cache: number of keys as marked'),
    });
});

it('a copy whose data are gone is not, until its operator takes them as they are', async () => {
  const { stateDir, capture } = await heldCopy();
  for (const container of capture.containers) Object.assign(container, { written: [], durable: 0 });
  const agent = await start(MemoryEngine.fromCapture(capture), stateDir, 201);
  await expect
    .poll(() => dataOf(agent), { timeout: 20_000 })
    .toMatchObject({
      status: 'False',
      reason: 'DataDiffers',
      message: expect.stringMatching(/^shop\/cache: keys of database 0: expected about 10, found 0 \(/),
    });
  expect(agent.status().conditions.find(({ type }) => type === 'Ready')).toMatchObject({ status: 'False' });
  expect(await agent.commands['accept-data']?.()).toEqual(['shop/cache']);
  await expect.poll(() => dataOf(agent)?.status, { timeout: 20_000 }).toBe('True');
});
