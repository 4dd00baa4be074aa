import { describe, expect, it } from 'vitest';
import { RawClient, type RawRequest, upidOf } from '../replay/raw-client.ts';
import { startRecordedNode } from '../replay/recorded-node.ts';
import type { ContentFactory } from './memory-backend.ts';

const backup = (mode: string): RawRequest => ({
  method: 'POST',
  path: '/nodes/pve1/vzdump',
  params: { vmid: 201, storage: 'local', compress: 'zstd', mode },
  auth: 'root@pam!root',
});

/** A guest that writes one number after the other while it is neither stopped nor frozen. */
class Counter {
  readonly events: string[] = [];
  #value: number;
  #active = false;

  constructor(captured: unknown) {
    this.#value = typeof captured === 'number' ? captured : 0;
  }

  start(): void {
    this.#active = true;
    this.events.push('start');
  }

  stop(): void {
    this.#active = false;
    this.events.push('stop');
  }

  freeze(): void {
    this.#active = false;
    this.events.push('freeze');
  }

  thaw(): void {
    this.#active = true;
    this.events.push('thaw');
  }

  write(): void {
    if (this.#active) this.#value += 1;
  }

  capture(): number {
    this.events.push(`capture ${this.#value} ${this.#active ? 'active' : 'still'}`);
    return this.#value;
  }
}

function counters(): { readonly content: ContentFactory; readonly of: (vmid: number) => Counter } {
  const made = new Map<number, Counter>();
  return {
    content: (vmid, captured) => {
      const counter = new Counter(captured);
      made.set(vmid, counter);
      return counter;
    },
    of: (vmid) => {
      const counter = made.get(vmid);
      if (counter === undefined) throw new Error(`no guest ${vmid}`);
      return counter;
    },
  };
}

describe('the content of an in-memory guest', () => {
  it('is captured while frozen, and a restored guest starts from what was captured', async () => {
    const { content, of } = counters();
    await using node = await startRecordedNode({ content });
    await using client = new RawClient(node.sim);
    for (let count = 0; count < 7; count += 1) of(201).write();
    await client.finish(await client.send(backup('snapshot')));
    for (let count = 0; count < 5; count += 1) of(201).write();
    expect(of(201).events).toEqual(['start', 'freeze', 'capture 7 still', 'thaw']);

    const listed = await client.send({
      method: 'GET',
      path: '/nodes/pve1/storage/local/content',
      auth: 'root@pam!root',
    });
    const [{ volid = '' } = {}] = (listed.body as { data: { volid?: string }[] }).data;
    const restored = await client.send({
      method: 'POST',
      path: '/nodes/pve1/lxc',
      params: { vmid: 301, ostemplate: volid, restore: 1, storage: 'btr', start: 1 },
      auth: 'root@pam!root',
    });
    expect((await client.finish(restored)).exitstatus).toBe('OK');
    of(301).write();
    expect(of(301).capture()).toBe(8);
    expect(of(201).capture()).toBe(12);
  });

  it('is captured by stop mode after its end, and started again', async () => {
    const { content, of } = counters();
    await using node = await startRecordedNode({ content });
    await using client = new RawClient(node.sim);
    await client.finish(await client.send(backup('stop')));
    expect(of(201).events).toEqual(['start', 'stop', 'capture 0 still', 'start']);
  });

  it('is what it was at the snapshot after a rollback, and stopped', async () => {
    const { content, of } = counters();
    await using node = await startRecordedNode({ content });
    await using client = new RawClient(node.sim);
    const auth = 'root@pam!root';
    const path = '/nodes/pve1/lxc/201/snapshot';
    await client.finish(await client.send({ method: 'POST', path, params: { snapname: 's1' }, auth }));
    of(201).write();
    await client.finish(await client.send({ method: 'POST', path: `${path}/s1/rollback`, auth }));
    const current = await client.send({ method: 'GET', path: '/nodes/pve1/lxc/201/status/current', auth });
    expect((current.body as { data: { status: string } }).data.status).toBe('stopped');
    expect(of(201).capture()).toBe(0);
  });

  it('goes on after its backup`s worker was killed, which leaves the lock and the snapshot', async () => {
    const { content, of } = counters();
    await using node = await startRecordedNode({ content, stepMs: 50 });
    await using client = new RawClient(node.sim);
    const started = await client.send(backup('snapshot'));
    await client.waitForLine(started, 'INFO: creating');
    node.sim.killWorker(upidOf(started));
    expect((await client.finish(started)).exitstatus).toBe('unexpected status');
    const auth = 'root@pam!root';
    const config = await client.send({ method: 'GET', path: '/nodes/pve1/lxc/201/config', auth });
    expect(config.body).toMatchObject({ data: { lock: 'backup', parent: 'vzdump' } });
    of(201).write();
    expect(of(201).capture()).toBe(1);
    node.sim.unlock(201);
    expect((await client.finish(await client.send(backup('snapshot')))).exitstatus).toBe('OK');
  });
});
