import { describe, expect, it } from 'vitest';
import { RawClient, type RawRequest, upidOf } from '../replay/raw-client.ts';
import { FAST, startRecordedNode } from '../replay/recorded-node.ts';

const BACKUP: RawRequest = {
  method: 'POST',
  path: '/nodes/pve1/vzdump',
  params: { vmid: 201, storage: 'local', compress: 'zstd' },
  auth: 'dual@pve!tk',
};

const taskPath = (upid: string): string => `/nodes/pve1/tasks/${encodeURIComponent(upid)}`;

function dataOf(answer: { readonly body: unknown }): unknown {
  return (answer.body as { data: unknown }).data;
}

function list(source: string): RawRequest {
  return { method: 'GET', path: '/nodes/pve1/tasks', params: { source }, auth: 'dual@pve!tk' };
}

interface Line {
  readonly n: number;
  readonly t: string;
}

describe('the life of a task', () => {
  it('begins with a log that says `no content` as line 1, whose number the real first line takes', async () => {
    await using node = await startRecordedNode({ timing: { ...FAST, forkMs: 500 } });
    await using client = new RawClient(node.sim);
    const started = await client.send(BACKUP);
    const log: RawRequest = { method: 'GET', path: `${taskPath(upidOf(started))}/log`, auth: 'dual@pve!tk' };
    const empty = await client.send(log);
    expect(empty.body).toEqual({ data: [{ n: 1, t: 'no content' }], total: 1 });
    await client.finish(started);
    const [first] = dataOf(await client.send(log)) as Line[];
    expect(first?.n).toBe(1);
    expect(first?.t).toMatch(/^INFO: starting new backup job: vzdump 201 --/);
  });

  it('shows TASK OK in the log before the status says stopped', async () => {
    await using node = await startRecordedNode({ timing: { ...FAST, statusLagMs: 500 } });
    await using client = new RawClient(node.sim);
    const started = await client.send(BACKUP);
    await client.waitForLine(started, 'TASK OK');
    const status = await client.send({
      method: 'GET',
      path: `${taskPath(upidOf(started))}/status`,
      auth: 'dual@pve!tk',
    });
    expect((dataOf(status) as { status: string }).status).toBe('running');
    expect((await client.finish(started)).exitstatus).toBe('OK');
  });

  it('pages its log by start and limit, 50 lines by default', async () => {
    await using node = await startRecordedNode();
    await using client = new RawClient(node.sim);
    const started = await client.send(BACKUP);
    const { log } = await client.finish(started);
    const path = `${taskPath(upidOf(started))}/log`;
    const page = await client.send({
      method: 'GET',
      path,
      params: { start: 2, limit: 2 },
      auth: 'dual@pve!tk',
    });
    expect(page.body).toEqual({
      data: [
        { n: 3, t: log[2] },
        { n: 4, t: log[3] },
      ],
      total: log.length,
    });
    const beyond = await client.send({ method: 'GET', path, params: { start: 500 }, auth: 'dual@pve!tk' });
    expect(beyond.body).toEqual({ data: [], total: log.length });
  });

  it('names the whole token while it is active, and the user with a token id once it is over', async () => {
    await using node = await startRecordedNode({ timing: { ...FAST, forkMs: 500 } });
    await using client = new RawClient(node.sim);
    const started = await client.send(BACKUP);
    expect((dataOf(await client.send(list('active'))) as object[])[0]).toMatchObject({
      user: 'dual@pve!tk',
      status: 'RUNNING',
      saved: '0',
    });
    await client.finish(started);
    const [finished] = dataOf(await client.send(list('archive'))) as object[];
    expect(finished).toMatchObject({ user: 'dual@pve', tokenid: 'tk', status: 'OK' });
    expect(finished).not.toHaveProperty('saved');
  });

  it('is visible to its own token and to auditors only, and to no token in /cluster/tasks', async () => {
    await using node = await startRecordedNode();
    await using client = new RawClient(node.sim);
    const started = await client.send(BACKUP);
    await client.finish(started);
    const seen = async (path: string, auth: string): Promise<number> =>
      (dataOf(await client.send({ method: 'GET', path, auth })) as unknown[]).length;
    expect(await seen('/nodes/pve1/tasks', 'dual@pve!tk')).toBe(1);
    expect(await seen('/nodes/pve1/tasks', 'full@pve!tk')).toBe(0);
    expect(await seen('/nodes/pve1/tasks', 'root@pam!root')).toBe(1);
    expect(await seen('/cluster/tasks', 'dual@pve!tk')).toBe(0);
    expect(await seen('/cluster/tasks', 'root@pam!root')).toBe(1);
    const path = `${taskPath(upidOf(started))}/log`;
    const refused = await client.send({ method: 'GET', path, auth: 'full@pve!tk' });
    expect([refused.status, refused.reason]).toEqual([
      403,
      'Permission check failed (/nodes/pve1, Sys.Audit)',
    ]);
  });

  it('is ended by its owner, not by a stranger; ending it twice is no error', async () => {
    await using node = await startRecordedNode({ stepMs: 200 });
    await using client = new RawClient(node.sim);
    const started = await client.send(BACKUP);
    await client.waitForLine(started, 'INFO: creating');
    const end = (auth: string) => client.send({ method: 'DELETE', path: taskPath(upidOf(started)), auth });
    const stranger = await end('none@pve!tk');
    expect([stranger.status, stranger.reason]).toEqual([
      403,
      'Permission check failed (/nodes/pve1, Sys.Modify)',
    ]);
    expect((await end('dual@pve!tk')).body).toEqual({ data: null });
    expect((await client.finish(started)).exitstatus).toBe('job errors');
    expect((await end('dual@pve!tk')).body).toEqual({ data: null });
    const content = await client.send({
      method: 'GET',
      path: '/nodes/pve1/storage/local/content',
      params: { content: 'backup' },
      auth: 'dual@pve!tk',
    });
    expect(content.body).toEqual({ data: [] });
  });

  it('ends a job over two guests after one abort only when nothing is left to do', async () => {
    await using node = await startRecordedNode({ stepMs: 300, timing: { ...FAST, killAfterMs: 500 } });
    await using client = new RawClient(node.sim);
    const started = await client.send({ ...BACKUP, params: { vmid: '201,202', storage: 'local' } });
    expect(upidOf(started)).toMatch(/:vzdump::dual@pve!tk:$/);
    await client.waitForLine(started, 'INFO: creating');
    await client.send({ method: 'DELETE', path: taskPath(upidOf(started)), auth: 'dual@pve!tk' });
    // The signal is spent on the command it interrupted: the second guest's backup is begun.
    const { exitstatus, log } = await client.finish(started);
    expect(log.some((line) => line === 'INFO: Starting Backup of VM 202 (lxc)')).toBe(true);
    expect(exitstatus).toBe('unexpected status');
  });
});
