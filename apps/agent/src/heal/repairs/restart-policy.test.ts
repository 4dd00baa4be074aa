import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ManualClock } from '@tacet/runtime';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Journal } from '../../journal/journal.ts';
import { MemoryEngine } from '../../memory.ts';
import { undoRestartPolicies } from './restart-policy.ts';

let directory: string;
beforeEach(async () => void (directory = await mkdtemp(join(tmpdir(), 'tacet-policies-'))));
afterEach(() => rm(directory, { recursive: true }));

const soon = () => AbortSignal.timeout(5_000);

async function changed(now: 'unless-stopped' | 'always' | 'no') {
  const engine = new MemoryEngine({
    containers: [{ stack: 'shop', service: 'web', image: 'nginx', restartPolicy: now }],
    clock: new ManualClock(),
  });
  const journal = new Journal(directory);
  await journal.recordRestartPolicyChange({
    containerId: engine.idOf('shop/web'),
    stack: 'shop',
    service: 'web',
    previous: 'no',
    policy: 'unless-stopped',
    changedAt: 1,
  });
  return { engine, journal };
}

describe('restart policies that heal has changed', () => {
  it.each([
    ['unless-stopped', 'no', 'shop/web: no again, instead of unless-stopped'],
    ['always', 'always', 'shop/web: left as it is, somebody has changed it to always since'],
    ['no', 'no', 'shop/web: has no already'],
  ] as const)('are as they were: now %s, then %s', async (now, then, line) => {
    const { engine, journal } = await changed(now);
    expect(await undoRestartPolicies({ engine, journal }, soon())).toEqual([line]);
    expect((await engine.containers(soon()))[0]?.restartPolicy).toBe(then);
    expect(await journal.readRestartPolicyChanges()).toEqual([]);
    expect(await undoRestartPolicies({ engine, journal }, soon())).toEqual([]);
  });

  it('stay on record where the change back failed', async () => {
    const { engine, journal } = await changed('unless-stopped');
    engine.inject({ call: 'setRestartPolicy', effect: new Error('no space left') });
    await expect(undoRestartPolicies({ engine, journal }, soon())).rejects.toThrow(
      'could not be changed back',
    );
    expect(await journal.readRestartPolicyChanges()).toHaveLength(1);
  });
});
