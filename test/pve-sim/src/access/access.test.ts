import { describe, expect, it } from 'vitest';
import { DEFAULT_TIMING, type PveSimOptions } from '../options.ts';
import { RawClient, type RawRequest } from '../replay/raw-client.ts';
import { FAST, SECRET, startRecordedNode, USERS } from '../replay/recorded-node.ts';

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
