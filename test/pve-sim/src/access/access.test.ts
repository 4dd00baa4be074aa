import { describe, expect, it } from 'vitest';
import { DEFAULT_TIMING, type PveSimOptions } from '../options.ts';
import { RawClient, type RawRequest } from '../replay/raw-client.ts';
import { FAST, plantArchive, SECRET, startRecordedNode, USERS } from '../replay/recorded-node.ts';

const CURRENT: RawRequest = {
  method: 'GET',
  path: '/nodes/pve1/lxc/201/status/current',
  auth: 'dual@pve!tk',
};

async function statusOf(request: RawRequest, options: Partial<PveSimOptions>): Promise<number> {
  await using node = await startRecordedNode(options);
  await using client = new RawClient(node.sim);
  return (await client.send(request)).status;
}

const grant = (path: string, role: string, ...holders: string[]) => holders.map((to) => ({ path, role, to }));

describe('what a token may do', () => {
  it('is what both its user and itself were granted', async () => {
    expect(await statusOf(CURRENT, { acl: grant('/vms/201', 'BkOp', 'dual@pve') })).toBe(403);
    expect(await statusOf(CURRENT, { acl: grant('/vms/201', 'BkOp', 'dual@pve!tk') })).toBe(403);
    expect(await statusOf(CURRENT, { acl: grant('/vms/201', 'BkOp', 'dual@pve', 'dual@pve!tk') })).toBe(200);
  });

  it('is decided by the grants nearest to the path', async () => {
    const below = grant('/vms', 'BkOp', 'dual@pve', 'dual@pve!tk');
    expect(await statusOf(CURRENT, { acl: below })).toBe(200);
    expect(await statusOf(CURRENT, { acl: [...below, ...grant('/vms/201', 'NoAccess', 'dual@pve')] })).toBe(
      403,
    );
    expect(
      await statusOf(CURRENT, { acl: [...below, ...grant('/vms/201', 'PVEPoolUser', 'dual@pve!tk')] }),
    ).toBe(403);
    expect(await statusOf(CURRENT, { acl: below.map((entry) => ({ ...entry, propagate: false })) })).toBe(
      403,
    );
  });

  it('ends with its secret, its own or its user`s expiry, and its user being disabled', async () => {
    const acl = grant('/vms/201', 'BkOp', 'dual@pve', 'dual@pve!tk');
    const user = (more: object, token: object = {}) => ({
      acl,
      users: [{ userid: 'dual@pve', tokens: [{ tokenid: 'tk', secret: SECRET, ...token }], ...more }],
    });
    expect(await statusOf(CURRENT, user({}))).toBe(200);
    expect(await statusOf(CURRENT, user({}, { secret: 'another' }))).toBe(401);
    expect(await statusOf(CURRENT, user({}, { expire: 1 }))).toBe(401);
    expect(await statusOf(CURRENT, user({ expire: 1 }))).toBe(401);
    expect(await statusOf(CURRENT, user({ enable: false }))).toBe(401);
  });

  it('is gone when its user, its role or its guest is', async () => {
    await using node = await startRecordedNode();
    await using client = new RawClient(node.sim);
    const remove = async (path: string): Promise<void> => {
      const answer = await client.send({ method: 'DELETE', path, auth: 'root@pam!root' });
      if (/UPID/.test(answer.text)) await client.finish(answer);
    };
    const entries = async (): Promise<string> =>
      (await client.send({ method: 'GET', path: '/access/acl', auth: 'root@pam!root' })).text;
    expect(await entries()).toContain('"/vms/205"');
    await remove('/nodes/pve1/lxc/205');
    expect(await entries()).not.toContain('"/vms/205"');
    await remove('/access/users/full@pve');
    expect(await entries()).not.toContain('full@pve');
    await remove('/access/users/dual@pve/token/tk');
    expect(await entries()).not.toContain('dual@pve!tk');
    expect(await entries()).toContain('dual@pve');
    await remove('/access/roles/BkOp');
    expect(await entries()).toBe('{"data":[]}');
  });
});

describe('credentials', () => {
  it('makes a refused caller wait, 3 s as the real one, and tells him nothing but a reason', async () => {
    expect(DEFAULT_TIMING.authDelayMs).toBe(3_000);
    await using node = await startRecordedNode({ timing: { ...FAST, authDelayMs: 200 } });
    await using client = new RawClient(node.sim);
    const startedAtMs = performance.now();
    const answer = await client.send({
      method: 'GET',
      path: '/version',
      auth: 'raw-header',
      headers: { Authorization: 'PVEAPIToken=dual@pve!tk=wrong' },
    });
    expect(performance.now() - startedAtMs).toBeGreaterThanOrEqual(199);
    expect(answer).toMatchObject({ status: 401, reason: 'Authentication failed!', text: '' });
  });

  it('shows the secret of a new token once, and it works', async () => {
    await using node = await startRecordedNode();
    await using client = new RawClient(node.sim);
    const path = '/access/users/root@pam/token/second';
    const made = await client.send({ method: 'POST', path, params: { privsep: 0 }, auth: 'ticket:root@pam' });
    const { value } = (made.body as { data: { value: string } }).data;
    const headers = { Authorization: `PVEAPIToken=root@pam!second=${value}` };
    expect((await client.send({ method: 'GET', path: '/version', auth: 'raw-header', headers })).status).toBe(
      200,
    );
    const shown = await client.send({ method: 'GET', path, auth: 'root@pam!root' });
    expect(shown.text).not.toContain(value);
  });

  it('takes a ticket without its CSRF token for reading only', async () => {
    await using node = await startRecordedNode();
    await using client = new RawClient(node.sim);
    const params = { username: 'root@pam', password: 'ROOT-PASSWORD' };
    const login = await client.send({ method: 'POST', path: '/access/ticket', params, auth: null });
    const { ticket } = (login.body as { data: { ticket: string } }).data;
    const headers = { Cookie: `PVEAuthCookie=${encodeURIComponent(ticket)}` };
    const send = (method: string, path: string) => client.send({ method, path, auth: 'raw-header', headers });
    expect((await send('GET', '/version')).status).toBe(200);
    const write = await send('POST', '/nodes/pve1/lxc/201/status/stop');
    expect([write.status, write.reason]).toEqual([401, 'Permission denied - invalid csrf token']);
  });

  it('does not let a token manage the tokens of its user', async () => {
    await using node = await startRecordedNode({ users: USERS });
    await using client = new RawClient(node.sim);
    const path = '/access/users/full@pve/token/more';
    expect((await client.send({ method: 'POST', path, auth: 'full@pve!tk' })).status).toBe(403);
  });
});

const dual = (path: string, role: string) => grant(path, role, 'dual@pve', 'dual@pve!tk');

describe('a pool', () => {
  const GONE = { method: 'DELETE', path: '/nodes/pve1/lxc/205', auth: 'root@pam!root' };
  const archive = 'vzdump-lxc-201-2026_11_22-14_20_18.tar.zst';
  const SCRATCH = ['VM.Allocate', 'VM.Audit', 'VM.PowerMgmt', 'VM.Config.Network', 'VM.Config.Options'];
  const READ = ['VM.Backup', 'Datastore.AllocateSpace', 'SDN.Use'];

  const startWith = async () => {
    const node = await startRecordedNode({
      roles: { Scratch: SCRATCH, Read: READ },
      acl: [
        ...dual('/pool/p1', 'Scratch'),
        ...['/vms/201', '/storage/local', '/storage/btr', '/sdn/zones/localnetwork/vmbr0'].flatMap((path) =>
          dual(path, 'Read'),
        ),
      ],
      pools: { p1: [205] },
    });
    plantArchive(node.backend, archive);
    return node;
  };

  const restore = (params: Record<string, string | number>): RawRequest => ({
    method: 'POST',
    path: '/nodes/pve1/lxc',
    params: { vmid: 900, ostemplate: `local:backup/${archive}`, restore: 1, storage: 'btr', ...params },
    auth: 'dual@pve!tk',
  });

  it('gives what was granted on it on each guest in it, shown with 0, until that is destroyed', async () => {
    await using node = await startWith();
    await using client = new RawClient(node.sim);
    const permissions = async (): Promise<Record<string, Record<string, number>>> => {
      const answer = await client.send({ method: 'GET', path: '/access/permissions', auth: 'dual@pve!tk' });
      return (answer.body as { data: Record<string, Record<string, number>> }).data;
    };
    const before = await permissions();
    expect(before['/vms/205']).toEqual(Object.fromEntries(SCRATCH.map((privilege) => [privilege, 0])));
    expect(before['/pool/p1']).toEqual(Object.fromEntries(SCRATCH.map((privilege) => [privilege, 1])));
    await client.finish(await client.send(GONE));
    expect(Object.keys(await permissions())).not.toContain('/vms/205');
    expect(await permissions()).toHaveProperty('/pool/p1');
  });

  it('lets a guest be made in it, and refuses a tag, which is judged before the guest is in it', async () => {
    await using node = await startWith();
    await using client = new RawClient(node.sim);
    const isRefused = async (params: Record<string, string | number>): Promise<string> =>
      (await client.send(restore(params))).reason;
    expect(await isRefused({})).toBe('Permission check failed');
    expect(await isRefused({ pool: 'p2' })).toBe("Permission check failed (pool 'p2' does not exist)");
    expect(await isRefused({ pool: 'p1', tags: 'mine' })).toBe(
      'Permission check failed (/vms/900, VM.Config.Options)',
    );
    const made = await client.send(restore({ pool: 'p1', description: 'mine', onboot: 0 }));
    await client.finish(made);
    const tagged = await client.send({
      method: 'PUT',
      path: '/nodes/pve1/lxc/900/config',
      params: { tags: 'mine' },
      auth: 'dual@pve!tk',
    });
    expect([made.status, tagged.status]).toEqual([200, 200]);
  });
});
