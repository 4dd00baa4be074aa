import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Agent, IdentityStore, parseConfig, startAgent } from '@tacet/agent';
import { MemoryEngine, MemoryGuestHost } from '@tacet/agent/memory';
import type { FakeController } from '@tacet/agent/src/session/fake-controller.ts';
import { silentLogger, systemClock, type Undo } from '@tacet/runtime';

/** Today's agent in guest 101, which belongs to a controller that the test plays. */
export async function startGuestAgent(
  { url: controllerUrl, fingerprint }: FakeController,
  undo: Undo,
): Promise<Agent> {
  const stateDir = await mkdtemp(join(tmpdir(), 'tacet-compatible-'));
  undo.defer(() => rm(stateDir, { recursive: true }));
  await new IdentityStore(stateDir, { log: silentLogger, clock: systemClock }).save({
    version: 1,
    controllerUrl,
    fingerprint,
    credential: 'the-credential',
    vmid: 101,
  });
  const engine = new MemoryEngine({
    containers: [
      { stack: 'shop', service: 'db', image: 'postgres:17', restartPolicy: 'no' },
      { stack: 'shop', service: 'cache', image: 'redis:8', restartPolicy: 'no' },
    ],
  });
  const agent = await startAgent({
    engine,
    guestHost: new MemoryGuestHost({ engine, incarnation: { vmid: 101 } }),
    config: parseConfig({ stateDir }),
    log: silentLogger,
  });
  undo.defer(() => agent[Symbol.asyncDispose]());
  return agent;
}
