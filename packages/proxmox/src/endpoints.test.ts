import { describe, expect, it } from 'vitest';
import type { ProxmoxClient } from './client.ts';
import { MissingError } from './errors.ts';
import { type Asked, startServer } from './testing/https-server.ts';
import { type Exchange, recorded, recording } from './testing/recordings.ts';
import { upidSchema } from './upid.ts';

const guest = { node: 'pve1', vmid: 201 };
const local = { node: 'pve1', storage: 'local' };
const backup = { node: 'pve1', volid: 'local:backup/vzdump-lxc-201-2026_11_22-14_20_18.tar.zst' };

const log = (...data: { n: number; t: string }[]): Exchange => ({
  ...recording('GET', /\/log$/),
  body: { data, total: data.length },
});

/** Answers one request with a recorded exchange, and gives back what was asked and understood. */
async function replay<T>(
  exchange: Exchange,
  use: (client: ProxmoxClient) => Promise<T>,
): Promise<{ asked: Asked | undefined; understood: T }> {
  await using server = await startServer(() => ({ status: exchange.status, body: exchange.body }));
  await using client = server.client();
  const understood = await use(client);
  return { asked: server.asked[0], understood };
}

describe('the cluster', () => {
  it('tells its version and nodes', async () => {
    const version = await replay(recording('GET', /^\/version$/), (pve) => pve.cluster.version());
    expect(version.understood).toEqual({ version: '9.2.11', release: '9.2' });
    const nodes = await replay(recording('GET', /^\/nodes$/), (pve) => pve.cluster.nodes());
    expect(nodes.understood).toEqual([
      expect.objectContaining({ node: 'pve1', status: 'online', ssl_fingerprint: expect.any(String) }),
    ]);
  });

  it('understands every recorded list of guests, and says where each is', async () => {
    const lists = recorded.filter(
      ({ path, params }) => path === '/cluster/resources' && params?.['type'] === 'vm',
    );
    expect(lists.length).toBeGreaterThan(2);
    for (const list of lists) await replay(list, (pve) => pve.cluster.guests());
    const located = await replay(lists[0]!, (pve) => pve.cluster.resolveNode(201));
    expect(located.asked).toMatchObject({ path: '/cluster/resources', params: { type: 'vm' } });
    expect(located.understood).toEqual({
      vmid: 201,
      type: 'lxc',
      node: 'pve1',
      name: 'ct201',
      status: 'running',
      template: false,
      tags: [],
    });
  });

  it('tells the pool and the tags of a guest', async () => {
    const list = recorded.find(
      ({ path, body }) => path === '/cluster/resources' && JSON.stringify(body).includes('"pool"'),
    );
    const guests = await replay(list!, (pve) => pve.cluster.guests());
    expect(guests.understood.map(({ vmid, pool }) => [vmid, pool])).toContainEqual([203, 'p1']);
    const body = { data: [{ vmid: 302, type: 'lxc', node: 'pve1', tags: 'drill;x' }] };
    const tagged = await replay({ ...list!, body }, (pve) => pve.cluster.guests());
    expect(tagged.understood[0]?.tags).toEqual(['drill', 'x']);
  });

  it('says that a guest is missing, and why the token may just not see it', async () => {
    const hidden = recorded.find(
      ({ path, params, body }) =>
        path === '/cluster/resources' && params?.['type'] === 'vm' && JSON.stringify(body) === '{"data":[]}',
    );
    const located = replay(hidden!, (pve) => pve.cluster.resolveNode(201));
    await expect(located).rejects.toBeInstanceOf(MissingError);
    await expect(located).rejects.toMatchObject({ hint: expect.stringContaining('VM.Audit on /vms/201') });
  });

  it('reads numbers that come as strings', async () => {
    const next = await replay(recording('GET', /nextid/), (pve) => pve.cluster.nextId());
    expect(next.understood).toBe(100);
  });

  it('understands permissions, none too', async () => {
    const all = recorded.filter(({ path }) => path === '/access/permissions');
    expect(all).toHaveLength(2);
    const understood = await Promise.all(
      all.map(async (one) => (await replay(one, (pve) => pve.cluster.permissions())).understood),
    );
    expect(understood).toEqual([
      expect.objectContaining({ '/vms/201': expect.objectContaining({ 'VM.Backup': true }) }),
      {},
    ]);
  });
});

describe('a guest', () => {
  it('tells its status', async () => {
    for (const one of recorded.filter(
      ({ path, status }) => path.endsWith('/status/current') && status === 200,
    )) {
      const status = await replay(one, (pve) => pve.lxc.status(guest));
      expect(status.understood).toMatchObject({ vmid: 201, status: 'running', name: 'ct201' });
      expect(status.understood.uptimeMs % 1_000).toBe(0);
    }
  });

  it('tells its configuration', async () => {
    const config = await replay(recording('GET', /lxc\/201\/config/), (pve) => pve.lxc.config(guest));
    expect(config.understood).toMatchObject({
      hostname: 'ct201',
      unprivileged: true,
      features: { nesting: '1', keyctl: '1' },
      lock: undefined,
      mountPoints: [
        { key: 'rootfs', volume: 'btr:201/vm-201-disk-0.raw', path: '/', kind: 'volume', backedUp: true },
      ],
      networks: { net0: { name: 'eth0', bridge: 'vmbr0', ip: '10.88.0.201/24' } },
    });
  });

  it('tells whether it can snapshot, by 1 and by an empty string', async () => {
    const can = await replay(recording('GET', /feature/), (pve) => pve.lxc.canSnapshot(guest));
    expect(can).toMatchObject({ understood: true, asked: { params: { feature: 'snapshot' } } });
    const cannot = { ...recording('GET', /feature/), body: { data: { hasFeature: '' } } };
    expect((await replay(cannot, (pve) => pve.lxc.canSnapshot(guest))).understood).toBe(false);
  });

  it('lists its snapshots without the one that is none', async () => {
    const lists = recorded.filter(
      ({ method, path }) => method === 'GET' && path.endsWith('/lxc/201/snapshot'),
    );
    const understood = await Promise.all(
      lists.map(async (one) => (await replay(one, (pve) => pve.lxc.snapshots(guest))).understood),
    );
    expect(understood).toEqual([
      [],
      [{ name: 's1', description: 'first\n', parent: undefined, takenAtMs: 1_795_357_165_000 }],
    ]);
  });

  const changes: [string, RegExp, (pve: ProxmoxClient) => Promise<string>][] = [
    ['POST', /status\/start/, (pve) => pve.lxc.start(guest)],
    ['POST', /status\/stop/, (pve) => pve.lxc.stop({ ...guest, vmid: 202 })],
    ['POST', /status\/shutdown/, (pve) => pve.lxc.shutdown(guest)],
    ['POST', /201\/snapshot$/, (pve) => pve.lxc.createSnapshot(guest, { name: 'duringbk' })],
    ['POST', /rollback/, (pve) => pve.lxc.rollback(guest, 's1')],
    ['DELETE', /snapshot\/s1/, (pve) => pve.lxc.deleteSnapshot(guest, 's1')],
    ['DELETE', /lxc\/203$/, (pve) => pve.lxc.destroy({ ...guest, vmid: 203 }, { force: true, purge: true })],
    [
      'POST',
      /pve1\/vzdump$/,
      (pve) => pve.vzdump.start('pve1', { vmid: 201, storage: 'local', mode: 'snapshot', compress: 'zstd' }),
    ],
  ];

  it.each(changes)('is changed as recorded by %s %s', async (method, path, use) => {
    const exchange = recording(method, path);
    const { asked, understood } = await replay(exchange, use);
    expect(asked).toMatchObject({ method, path: exchange.path });
    const params = Object.entries(exchange.params ?? {}).map(([key, value]) => [key, String(value)]);
    expect(asked?.params).toEqual(Object.fromEntries(params));
    expect(understood).toMatch(/^UPID:pve1:/);
  });
});

describe('a storage', () => {
  it('is listed, and tells what it may hold and what room it has', async () => {
    const status = await replay(recording('GET', /storage\/local\/status/), (pve) =>
      pve.storage.status(local),
    );
    expect(status.understood).toMatchObject({
      type: 'dir',
      active: true,
      content: expect.arrayContaining(['backup']),
      availableBytes: 70_889_213_952,
    });
    const list = await replay(recording('GET', /pve1\/storage$/), (pve) => pve.storage.list('pve1'));
    expect(list.understood.map(({ storage, content }) => [storage, content.includes('backup')])).toEqual([
      ['btr', false],
      ['bk2', true],
      ['local', true],
    ]);
  });

  it('lists backups oldest first', async () => {
    const list = recorded.find(({ params }) => params?.['content'] === 'backup');
    const { asked, understood } = await replay(list!, (pve) => pve.storage.backups(local, { vmid: 201 }));
    expect(asked?.params).toEqual({ content: 'backup', vmid: '201' });
    expect(understood[0]).toEqual({
      volid: 'local:backup/vzdump-lxc-201-2026_11_22-14_10_02.tar.zst',
      content: 'backup',
      format: 'tar.zst',
      sizeBytes: 67_848_666,
      createdAtMs: 1_795_356_602_000,
      vmid: 201,
      notesFirstLine: '',
      protected: false,
    });
    const times = understood.map(({ createdAtMs }) => createdAtMs ?? 0);
    expect(times).toEqual(times.toSorted((a, b) => a - b));
  });

  it("reads and writes a backup's notes and protection, and deletes it", async () => {
    const read = await replay(recording('GET', /content\/local/), (pve) => pve.storage.attributes(backup));
    expect(read.understood).toMatchObject({ notes: '', protected: false, sizeBytes: 67_982_336 });
    const written = await replay(recording('PUT', /content\/local/), (pve) =>
      pve.storage.setAttributes(backup, { notes: 'line1\nline2', protected: true }),
    );
    expect(written.asked?.params).toEqual({ notes: 'line1\nline2', protected: '1' });
    const deleted = await replay(recording('DELETE', /content\/local/), (pve) =>
      pve.storage.deleteBackup(backup),
    );
    expect(deleted.understood).toMatch(/:imgdel:201@local:/);
  });
});

describe('the tasks', () => {
  it('are listed: the running ones and those that have ended', async () => {
    const lists = recorded.filter(({ method, path }) => method === 'GET' && path === '/nodes/pve1/tasks');
    const tasks = await Promise.all(
      lists.map(async (one) => (await replay(one, (pve) => pve.tasks.list('pve1'))).understood),
    );
    expect(tasks.flat().filter(({ running }) => running)).toHaveLength(4);
    expect(
      tasks
        .flat()
        .filter(({ running }) => running)
        .map(({ exitstatus }) => exitstatus),
    ).toEqual(Array.from({ length: 4 }, () => undefined));
    expect(tasks.flat().find(({ exitstatus }) => exitstatus === 'job errors')).toMatchObject({
      id: '',
      running: false,
      endedAtMs: expect.any(Number),
    });
  });

  it('tell their status', async () => {
    for (const one of recorded.filter(({ path }) => path.endsWith('/status') && path.includes('/tasks/'))) {
      const upid = upidSchema.parse(decodeURIComponent(one.path.split('/')[4] ?? ''));
      const { asked, understood } = await replay(one, (pve) => pve.tasks.status(upid));
      expect(decodeURIComponent(asked?.path ?? '')).toBe(decodeURIComponent(one.path));
      expect(understood).toMatchObject({ upid, status: expect.stringMatching(/^(?:running|stopped)$/) });
    }
  });

  it('can be stopped', async () => {
    const stop = recording('DELETE', /\/tasks\//);
    const upid = upidSchema.parse(decodeURIComponent(stop.path.split('/')[4] ?? ''));
    await expect(replay(stop, (pve) => pve.tasks.stop(upid))).resolves.toMatchObject({
      understood: undefined,
    });
  });

  const upid = upidSchema.parse('UPID:pve1:00000960:0002F0EA:6B02F7BA:vzdump:201:dual@pve!tk:');
  it('tell their log, page by page', async () => {
    const lines = log({ n: 3, t: 'INFO: c' }, { n: 4, t: 'INFO: d' });
    const { asked, understood } = await replay(lines, (pve) => pve.tasks.log(upid, { from: 3, limit: 2 }));
    expect(asked?.params).toEqual({ start: '2', limit: '2' });
    expect(understood).toEqual([
      { n: 3, text: 'INFO: c' },
      { n: 4, text: 'INFO: d' },
    ]);
  });

  it('have no line while the node says that there is none', async () => {
    const empty = await replay(log({ n: 1, t: 'no content' }), (pve) => pve.tasks.log(upid));
    expect(empty.understood).toEqual([]);
    const real = await replay(log({ n: 1, t: 'no content' }, { n: 2, t: 'b' }), (pve) => pve.tasks.log(upid));
    expect(real.understood).toHaveLength(2);
  });

  it('have a log that cannot be read, although the answer is 200', async () => {
    const gone = log({ n: 1, t: 'unable to open file - No such file or directory' });
    await expect(replay(gone, (pve) => pve.tasks.log(upid))).rejects.toBeInstanceOf(MissingError);
  });
});

it("tells the node's defaults for backups", async () => {
  const { understood } = await replay(recording('GET', /vzdump\/defaults/), (pve) =>
    pve.vzdump.defaults('pve1', { storage: 'local' }),
  );
  expect(understood).toMatchObject({ mode: 'snapshot', storage: 'local', lockwait: 180 });
});
