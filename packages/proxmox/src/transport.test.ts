import { describeError, serializeError } from '@tacet/runtime';
import { describe, expect, it } from 'vitest';
import { connect } from './client.ts';
import {
  ProxmoxError,
  ServerError,
  UnauthorizedError,
  UnexpectedAnswerError,
  UnreachableError,
} from './errors.ts';
import { type Reply, startServer, TOKEN } from './testing/https-server.ts';

const guest = { node: 'pve1', vmid: 101 };
const UPID = 'UPID:pve1:00000960:0002F0EA:6B02F7BA:vzdump:101:tester@pve!unit:';

async function failure(promise: Promise<unknown>): Promise<ProxmoxError> {
  const error = await promise.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (error instanceof ProxmoxError) return error;
  throw new Error(`expected a ProxmoxError, got ${String(error)}`);
}

describe('a request', () => {
  it('carries the token, escapes names, and sends changes as a form with 1 and 0 for yes and no', async () => {
    await using server = await startServer(() => ({ body: { data: UPID } }));
    await using client = server.client();
    const volid = 'local:backup/vzdump-lxc-101-2026_11_22-14_10_02.tar.zst';
    await client.lxc.restore({ ...guest, archive: volid, storage: 'btr', force: false, unique: true });
    await client.storage.deleteBackup({ node: 'pve1', volid });
    await client.lxc.destroy(guest, { purge: true });
    expect(server.asked).toEqual([
      {
        method: 'POST',
        path: '/nodes/pve1/lxc',
        authorization: `PVEAPIToken=${TOKEN.id}=${TOKEN.secret}`,
        params: { ostemplate: volid, restore: '1', vmid: '101', storage: 'btr', force: '0', unique: '1' },
      },
      expect.objectContaining({
        method: 'DELETE',
        path: '/nodes/pve1/storage/local/content/local%3Abackup%2Fvzdump-lxc-101-2026_11_22-14_10_02.tar.zst',
      }),
      expect.objectContaining({ path: '/nodes/pve1/lxc/101', params: { purge: '1' } }),
    ]);
  });

  it('never leaves the path it was meant for', async () => {
    await using server = await startServer(() => ({ body: { data: {} } }));
    await using client = server.client();
    await expect(client.lxc.config({ node: '..', vmid: 101 })).rejects.toThrow(RangeError);
    await expect(client.lxc.config({ node: '', vmid: 101 })).rejects.toThrow(RangeError);
    expect(server.asked).toEqual([]);
  });

  it("ends with its caller's reason when it is cancelled", async () => {
    const cancel = new AbortController();
    await using server = await startServer(() => {
      cancel.abort('the operator gave up');
      return 'silence';
    });
    await using client = server.client();
    await expect(client.cluster.version({ signal: cancel.signal })).rejects.toBe('the operator gave up');
  });
});

describe('an answer that is lost', () => {
  it('leaves open whether a change has begun, but not whether a read has', async () => {
    await using server = await startServer(() => 'hang-up');
    await using client = server.client();
    expect(await failure(client.lxc.start(guest))).toMatchObject({
      code: 'pve-unreachable',
      retryable: true,
      mayHaveStarted: true,
    });
    expect(await failure(client.lxc.status(guest))).toMatchObject({ mayHaveStarted: false });
  });

  it('is given up after the time-out, and says so', async () => {
    await using server = await startServer(() => 'silence');
    await using client = server.client({ timeoutMs: 60 });
    const error = await failure(client.lxc.start(guest));
    expect(error).toBeInstanceOf(UnreachableError);
    expect(error.mayHaveStarted).toBe(true);
    expect(describeError(error)).toContain('took longer than 60 ms');
  });
});

describe('a node that is not there', () => {
  it('has not begun anything', async () => {
    const server = await startServer(() => ({}));
    await server[Symbol.asyncDispose]();
    await using client = server.client();
    const error = await failure(client.lxc.start(guest));
    expect(error).toBeInstanceOf(UnreachableError);
    expect(error.mayHaveStarted).toBe(false);
    expect(describeError(error)).toContain('ECONNREFUSED');
  });

  it('includes a name that does not resolve', async () => {
    await using client = connect({
      url: 'https://no-such-node.invalid:8006',
      token: TOKEN,
      trust: { ca: 'system' },
    });
    await expect(client.cluster.version()).rejects.toBeInstanceOf(UnreachableError);
  });
});

describe('an answer that Proxmox does not give', () => {
  const strange: [string, Reply, new (...args: never[]) => ProxmoxError][] = [
    ['a web page', { body: '<html>hello</html>' }, UnexpectedAnswerError],
    ['a redirect', { status: 302, reason: 'Found' }, UnexpectedAnswerError],
    ['data of another shape', { body: { data: { uptime: 3 } } }, UnexpectedAnswerError],
    ['no data', { body: { data: null } }, UnexpectedAnswerError],
    ["a gateway's error", { status: 502, body: '<html>bad gateway</html>' }, ServerError],
    ["a gateway's login", { status: 401, body: '<html>log in</html>' }, UnauthorizedError],
  ];

  it.each(strange)('as %s is an error of its own', async (_what, reply, type) => {
    await using server = await startServer(() => reply);
    await using client = server.client();
    await expect(client.cluster.version()).rejects.toBeInstanceOf(type);
  });

  it('may still have started what was asked for', async () => {
    await using server = await startServer(() => ({ body: { data: 'not a upid' } }));
    await using client = server.client();
    expect(await failure(client.lxc.start(guest))).toMatchObject({
      code: 'pve-unexpected-answer',
      mayHaveStarted: true,
    });
  });
});

describe('the secret', () => {
  it('is in no error, not even when the server echoes it', async () => {
    const replies: Reply[] = [
      { status: 500, reason: `leak ${TOKEN.secret}`, body: '' },
      { status: 500, body: { data: null, message: `you sent PVEAPIToken=${TOKEN.secret}` } },
      { status: 400, body: { data: null, message: 'Bad', errors: { x: TOKEN.secret } } },
      { body: `{"data": ${TOKEN.secret}` },
      { body: { data: { version: [TOKEN.secret] } } },
      'hang-up',
    ];
    for (const reply of replies) {
      await using server = await startServer(() => reply);
      await using client = server.client();
      const error = await failure(client.cluster.version());
      expect(JSON.stringify(serializeError(error)) + describeError(error)).not.toContain('5ec2e7aa');
    }
  });
});
