import { type Operation, operationSchema, scheduleViewSchema } from '@tacet/protocol';
import { describe, expect, it, vi } from 'vitest';
import { ScheduleHouse } from './schedule-house.ts';

/** It takes seconds; a machine that is slow may take its time. */
const patienceMs = 150_000;
vi.setConfig({ testTimeout: 400_000 });

/** The one backup of a schedule that keeps three, and what its task says it was asked for. */
async function backedUp(alsoGranted: { path: string; role: string }[]): Promise<[Operation, string]> {
  await using house = await ScheduleHouse.open({ nodes: { pve1: [101] }, foreign: [901], alsoGranted });
  await house.api.expect(scheduleViewSchema, 'PUT', '/api/v1/schedules/nightly', {
    name: 'nightly',
    guests: { include: { vmids: [101] } },
    when: { event: '02:00', timeZone: 'UTC' },
    retention: { keepLast: 3 },
  });
  house.clock.go();
  const run = async (): Promise<unknown> => (await house.runs('nightly'))[0];
  await expect.poll(run, { timeout: patienceMs }).toMatchObject({ state: 'succeeded', consistency: 'app' });
  const [{ operationId } = { operationId: null }] = await house.runs('nightly');
  const operation = await house.api.expect(operationSchema, 'GET', `/api/v1/operations/${operationId}`);
  return [operation, await house.taskLog(101)];
}

describe('the retention of a schedule', () => {
  it('is what Proxmox VE is asked for, with the privilege that it needs', async () => {
    const [, log] = await backedUp([{ path: '/storage/local', role: 'PVEDatastoreAdmin' }]);
    expect(log).toMatch(/starting new backup job: .*--prune-backups keep-last=3/);
  });

  it('is left to the storage without that privilege: a backup that keeps too much is better than none', async () => {
    const [{ steps }, log] = await backedUp([]);
    expect(steps.find(({ name }) => name === 'retention-refused')?.message).toContain('Datastore.Allocate');
    expect(log).not.toContain('prune-backups');
  });
});
