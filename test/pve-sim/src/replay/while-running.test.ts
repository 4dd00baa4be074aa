import { describe, expect, it } from 'vitest';
import { type Exchange, exchanges } from './fixtures.ts';
import { shapeOf } from './normalise.ts';
import { RawClient, type RawRequest, upidOf } from './raw-client.ts';
import { startRecordedNode } from './recorded-node.ts';

const recorded = exchanges();

/** The recorded exchange with this note, which must be there. */
function noted(note: string, path: RegExp): Exchange {
  const found = recorded.find((exchange) => exchange.note === note && path.test(exchange.path));
  if (found === undefined) throw new Error(`no exchange '${note}'`);
  return found;
}

const suspend = (vmid: number): RawRequest => ({
  method: 'POST',
  path: '/nodes/pve1/vzdump',
  params: { vmid, storage: 'local', mode: 'suspend', compress: 'zstd' },
  auth: 'dual@pve!tk',
});

describe('while a backup runs and another waits', () => {
  it('the guest is locked, and everything that asks about it says so as recorded', async () => {
    await using node = await startRecordedNode({ stepMs: 1_500 });
    await using client = new RawClient(node.sim);
    await client.waitForLine(await client.send(suspend(201)), 'INFO: starting first sync');
    await client.waitForLine(await client.send(suspend(202)), 'INFO: trying to get global lock');
    const asked = [
      noted('status/current of a guest while its backup runs (lock field)', /current$/),
      noted('config while its backup runs', /config$/),
      noted('resources while a backup runs (lock field)', /resources$/),
      noted('active task list', /tasks$/),
    ];
    for (const exchange of asked) {
      const answer = await client.send(exchange);
      expect([exchange.path, shapeOf(answer.body)]).toEqual([exchange.path, shapeOf(exchange.body)]);
    }
    expect((await client.send(noted('config PUT while backup lock held', /config$/))).body).toEqual(
      noted('config PUT while backup lock held', /config$/).body,
    );
    const snapshot = await client.send(noted('snapshot while backup lock held', /snapshot$/));
    expect((await client.finish(snapshot)).exitstatus).toBe('CT is locked (backup)');
    const shutdown = await client.send(noted('shutdown while backup lock held', /shutdown$/));
    expect((await client.finish(shutdown)).exitstatus).toBe('CT is locked (backup)');
  });

  it('a backup on another node does not wait', async () => {
    await using node = await startRecordedNode({ stepMs: 1_000 });
    await using client = new RawClient(node.sim);
    await client.waitForLine(await client.send(suspend(201)), 'INFO: starting first sync');
    const elsewhere = await client.send({
      ...suspend(999),
      path: '/nodes/pve2/vzdump',
      auth: 'root@pam!root',
    });
    const { log } = await client.finish(elsewhere);
    expect(log).toContain("ERROR: Backup of VM 999 failed - unable to find VM '999'");
    expect(log.join()).not.toContain('global lock');
  });
});

describe('after an abort', () => {
  for (const mode of ['suspend', 'stop', 'snapshot']) {
    it(`in ${mode} mode the guest stands as recorded`, async () => {
      await using node = await startRecordedNode({ stepMs: 100 });
      await using client = new RawClient(node.sim);
      const started = await client.send({ ...suspend(201), params: { ...suspend(201).params, mode } });
      await client.waitForLine(started, mode === 'suspend' ? 'INFO: starting first' : 'INFO: creating');
      const path = `/nodes/pve1/tasks/${encodeURIComponent(upidOf(started))}`;
      await client.send({ method: 'DELETE', path, auth: 'dual@pve!tk' });
      for (const part of [/current$/, /config$/, /snapshot$/]) {
        const exchange = noted(`after aborted ${mode} backup`, part);
        const answer = await client.send(exchange);
        expect([exchange.path, shapeOf(answer.body)]).toEqual([exchange.path, shapeOf(exchange.body)]);
      }
    });
  }
});

describe('a node that cannot be reached properly', () => {
  it('carries out the POST that ended in 596', async () => {
    await using node = await startRecordedNode();
    await using client = new RawClient(node.sim);
    node.sim.setFault('pve1', 'daemon-hung');
    const answer = await client.send({ ...suspend(205), auth: 'root@pam!root' });
    expect(answer).toMatchObject({ status: 596, reason: 'Connection timed out', text: '' });
    node.sim.setFault('pve1', undefined);
    const list: RawRequest = {
      method: 'GET',
      path: '/nodes/pve1/tasks',
      params: { source: 'all', typefilter: 'vzdump' },
      auth: 'root@pam!root',
    };
    const { data } = (await client.send(list)).body as { data: { upid: string }[] };
    expect(data).toHaveLength(1);
  });
});
