import { describeError, serializeError } from '@tacet/runtime';
import { describe, expect, it } from 'vitest';
import type { ProxmoxClient } from './client.ts';
import { ForbiddenError, ProxmoxError } from './errors.ts';
import { type Reply, startServer } from './testing/https-server.ts';
import { recording } from './testing/recordings.ts';

const SELF = ['VM.Audit', 'VM.Snapshot', 'VM.Backup', 'Datastore.AllocateSpace', 'Datastore.Audit'];

/** What a change as recorded is understood as, when it is sent by `use`. */
async function sent(
  method: string,
  path: RegExp,
  use: (pve: ProxmoxClient) => Promise<unknown>,
  status = 200,
): Promise<unknown> {
  const exchange = recording(method, path, status);
  await using server = await startServer(() => ({ status, body: exchange.body }));
  await using client = server.client();
  const understood = await use(client);
  const params = Object.entries(exchange.params ?? {}).map(([key, value]) => [key, String(value)]);
  const asked = server.asked[0];
  expect({ ...asked, path: decodeURIComponent(asked?.path ?? '') }).toMatchObject({
    method,
    path: exchange.path,
    params: Object.fromEntries(params),
  });
  return understood;
}

describe('access control is changed as recorded', () => {
  it('by making a role, a user and a token with privilege separation, whose secret is the answer', async () => {
    await sent('POST', /^\/access\/roles$/, (pve) => pve.access.createRole('BkOp', SELF));
    await sent('POST', /^\/access\/users$/, (pve) => pve.access.createUser('dual@pve'));
    const secret = await sent('POST', /\/token\/tk$/, (pve) => pve.access.createToken('dual@pve', 'tk'));
    expect(secret).toBe('SECRET');
  });

  it('by granting a role to a user and its token at once, and by taking it back', async () => {
    const grant = { role: 'BkOp', users: ['dual@pve'], tokens: ['dual@pve!tk'], path: '/vms/205' };
    const put = recording('PUT', /^\/access\/acl$/);
    expect(put.params).toMatchObject({ path: '/vms/205' });
    await sent('PUT', /^\/access\/acl$/, (pve) => pve.access.grant(grant));

    await using server = await startServer(() => ({ body: { data: null } }));
    await using client = server.client();
    await client.access.withdraw({ ...grant, tokens: [] });
    await client.access.grant({ ...grant, propagate: false });
    expect(server.asked.map(({ params }) => params)).toEqual([
      { path: '/vms/205', roles: 'BkOp', users: 'dual@pve', tokens: '', delete: '1' },
      { path: '/vms/205', roles: 'BkOp', users: 'dual@pve', tokens: 'dual@pve!tk', propagate: '0' },
    ]);
  });

  it('not by a token: it may neither grant nor make another token of its user', async () => {
    const grant = { path: '/', role: 'Administrator', users: ['dual@pve'] };
    await expect(sent('PUT', /^\/access\/acl$/, (pve) => pve.access.grant(grant), 403)).rejects.toMatchObject(
      { path: '/', privileges: ['Permissions.Modify'] },
    );
    await expect(
      sent('POST', /\/token\/tk2$/, (pve) => pve.access.createToken('dual@pve', 'tk2'), 403),
    ).rejects.toBeInstanceOf(ForbiddenError);
  });
});

describe('access control is read', () => {
  it('with every grant, of users and of tokens', async () => {
    const acl = await sent('GET', /^\/access\/acl$/, (pve) => pve.access.acl());
    expect(acl).toContainEqual({
      path: '/vms/201',
      role: 'BkOp',
      holder: 'token',
      holderId: 'dual@pve!tk',
      propagate: true,
    });
  });

  it('with the roles, their privileges, and which are built in', async () => {
    const roles = await sent('GET', /^\/access\/roles$/, (pve) => pve.access.roles());
    expect(roles).toContainEqual({ role: 'BkOp', privileges: SELF.toSorted(), builtIn: false });
    expect(roles).toContainEqual({ role: 'NoAccess', privileges: [], builtIn: true });
  });

  // Shapes of PVE::API2::User, where nothing is recorded for a caller that may see users.
  it('with users and tokens, where 0 is never and what is left out is the default', async () => {
    const lists: Record<string, unknown[]> = {
      '/access/users': [
        { userid: 'a@pve' },
        { userid: 'b@pve', enable: 0, expire: 1_795_356_602 },
        { userid: 'c@pve', enable: 1, expire: 0 },
      ],
      '/access/users/a%40pve/token': [
        { tokenid: 'one', privsep: '1', expire: 0, comment: 'x' },
        { tokenid: 'two', privsep: 0, expire: 1_795_356_602 },
      ],
    };
    await using server = await startServer(({ path }) => ({ body: { data: lists[path] } }));
    await using client = server.client();
    expect(await client.access.users()).toEqual([
      { userId: 'a@pve', enabled: true, expiresAtMs: undefined },
      { userId: 'b@pve', enabled: false, expiresAtMs: 1_795_356_602_000 },
      { userId: 'c@pve', enabled: true, expiresAtMs: undefined },
    ]);
    expect(await client.access.tokens('a@pve')).toEqual([
      { tokenId: 'one', separated: true, expiresAtMs: undefined },
      { tokenId: 'two', separated: false, expiresAtMs: 1_795_356_602_000 },
    ]);
  });
});

it.each<[string, Reply]>([
  ['not JSON', { body: '{"data": {"value": 0ed9b6a4-secret' }],
  ['of another shape', { body: { data: { value: { nested: '0ed9b6a4-secret' } } } }],
  ['of strange characters', { body: { data: { value: '0ed9b6a4-secret\n' } } }],
])('a new secret is in no error when the answer is %s, and may exist', async (_, reply) => {
  await using server = await startServer(() => reply);
  await using client = server.client();
  const error = await client.access.createToken('a@pve', 'one').catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(ProxmoxError);
  expect(error).toMatchObject({ code: 'pve-unexpected-answer', mayHaveStarted: true });
  expect(JSON.stringify(serializeError(error as Error)) + describeError(error)).not.toContain('0ed9b6a4');
});
