import { spawnSync } from 'node:child_process';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runInNewContext } from 'node:vm';
import { TacetError } from '@tacet/runtime';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ExecRequest } from '../engine/engine.ts';
import { MemoryEngine } from '../engine/memory-engine.ts';
import { inheritedMongoLock, MongoMethod } from './mongodb.ts';
import { portsOf, ScriptedSession, targetOf } from './testing.ts';

const { signal } = new AbortController();

type Reply = Record<string, unknown>;

/** As much of a server as the method asks for; its replies as the manual gives them. */
class FakeServer {
  lockCount = 0;
  commands: string[] = [];
  refuse: string | undefined;
  mountinfo = '1 0 0:60 / / rw - overlay overlay rw\n2 1 0:53 /volumes/a /data/db rw - btrfs /dev/loop0 rw\n';

  reply(command: Reply): Reply {
    const [name = ''] = Object.keys(command);
    this.commands.push(name);
    if (this.refuse !== undefined) return { ok: 0, errmsg: this.refuse };
    switch (name) {
      case 'buildInfo':
        return { ok: 1, version: '7.0.14' };
      case 'serverStatus':
        return { ok: 1, storageEngine: { name: 'wiredTiger' } };
      case 'getCmdLineOpts':
        return { ok: 1, parsed: { storage: { dbPath: '/data/db/' } } };
      case 'currentOp':
        return { ok: 1, inprog: [], ...(this.lockCount > 0 && { fsyncLock: true }) };
      case 'fsync':
        if (command['lock'] === true) this.lockCount += 1;
        return { ok: 1, lockCount: this.lockCount };
      case 'fsyncUnlock':
        if (this.lockCount === 0) return { ok: 0, errmsg: 'fsyncUnlock called when not locked' };
        this.lockCount -= 1;
        return { ok: 1, lockCount: this.lockCount };
      default:
        return { ok: 1 };
    }
  }

  /** `mongosh` throws what `mongo` returns. */
  session(shell: 'mongosh' | 'mongo'): ScriptedSession {
    const adminCommand = (command: Reply): Reply => {
      const reply = this.reply(command);
      if (shell === 'mongosh' && reply['ok'] !== 1) throw new Error(String(reply['errmsg']));
      return reply;
    };
    return new ScriptedSession((line) => {
      const printed: string[] = [];
      runInNewContext(line, {
        db: { adminCommand },
        print: (said: string) => printed.push(`admin> ${said}`),
      });
      return [...printed, ''];
    });
  }
}

async function bench(shell: 'mongosh' | 'mongo' = 'mongosh') {
  const engine = new MemoryEngine({ containers: [{ stack: 'shop', service: 'db', image: 'mongo:7' }] });
  const server = new FakeServer();
  const sessions: ScriptedSession[] = [];
  engine.openSession = async () => {
    const session = server.session(shell);
    sessions.push(session);
    return session;
  };
  engine.exec = async () => ({ exitCode: 0, stdout: server.mountinfo, stderr: '' });
  const ports = portsOf(engine);
  const target = await targetOf(engine, 'shop/db');
  const method = new MongoMethod(target, ports, {});
  return { engine, server, sessions, ports, method, lock: method.lock, id: target.container.id };
}

describe.each(['mongosh', 'mongo'] as const)('MongoDB, by %s', (shell) => {
  it('says what it is, and is flushed', async () => {
    const { method, server } = await bench(shell);
    expect(await method.discover(signal)).toEqual({
      engine: 'MongoDB 7.0.14, wiredTiger',
      predictedHoldMs: null,
      notes: ['untested on the real server'],
    });
    await method.prepare(signal);
    expect(server.commands.at(-1)).toBe('fsync');
    expect(server.lockCount).toBe(0);
  });

  it('is locked once, and unlocked to nothing', async () => {
    const { lock, server } = await bench(shell);
    await lock.hold(30_000, signal);
    await lock.hold(30_000, signal);
    expect(server.lockCount).toBe(1);
    expect(await lock.isHeld(signal)).toBe(true);
    server.lockCount = 3;
    await lock.thaw(signal);
    expect(server.lockCount).toBe(0);
    expect(await lock.isHeld(signal)).toBe(false);
    await lock.thaw(signal);
    expect(server.commands.filter((name) => name === 'fsyncUnlock')).toHaveLength(3);
  });

  it('tells the refusals of the server', async () => {
    const { method, lock, server } = await bench(shell);
    server.refuse = 'command ping requires authentication';
    await expect(method.discover(signal)).rejects.toMatchObject({
      code: 'prepare-failed',
      message: 'ping: command ping requires authentication',
      hint: expect.stringContaining('MONGO_INITDB_ROOT_USERNAME') as string,
    });
    await lock.thaw(signal);
    expect(server.commands).toEqual(['ping']);
  });
});

describe('MongoDB', () => {
  it('tells of volumes that a snapshot may not take together', async () => {
    const { method, server } = await bench();
    server.mountinfo += '3 2 0:54 / /data/db/journal rw - ext4 /dev/loop1 rw\n';
    expect((await method.discover(signal)).notes).toContain(
      'its data lies on several volumes (/data/db/journal): they must be on one disk of the guest',
    );
  });

  it("is not held by somebody else's lock, which stays", async () => {
    const { lock, server } = await bench();
    server.lockCount = 1;
    await expect(lock.hold(30_000, signal)).rejects.toMatchObject({ code: 'hold-failed' });
    await lock.thaw(signal);
    expect(server.lockCount).toBe(1);
  });

  it('is unlocked by another client when the first one has ended', async () => {
    const { lock, server, sessions, ports } = await bench();
    await lock.hold(30_000, signal);
    await sessions[0]?.[Symbol.asyncDispose]();
    await lock.thaw(signal);
    expect(server.lockCount).toBe(0);
    expect(ports.processes.killedIn).toHaveLength(1);
    expect(sessions.map(({ isOpen }) => isOpen)).toEqual([false, false]);
  });

  it('is unlocked by a fresh process, and needs none when its container is gone', async () => {
    const { engine, lock, server, ports, id } = await bench();
    await lock.hold(30_000, signal);
    await inheritedMongoLock(lock.record, ports, 0).thaw(signal);
    expect(server.lockCount).toBe(0);
    engine.openSession = async () => {
      throw new TacetError('refused', { code: 'internal' });
    };
    engine.crash(id);
    await inheritedMongoLock(lock.record, ports, 0).thaw(signal);
    engine.remove(id);
    await inheritedMongoLock(lock.record, ports, 0).thaw(signal);
  });
});

describe('the client of MongoDB', () => {
  let directory: string;
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'tacet-mongo-'));
  });
  afterEach(() => rm(directory, { recursive: true }));

  /** The script, run as the container would, with a client that tells how it was called and what it was told. */
  async function run(
    client: string | undefined,
    env: Record<string, string>,
  ): Promise<{ said: string; stderr: string }> {
    if (client !== undefined) {
      await writeFile(
        join(directory, client),
        '#!/bin/sh\necho "$0 $*" | sed "s,.*/,,"\nread -r line\nprintf "%s\\n" "$line"\n',
      );
      await chmod(join(directory, client), 0o755);
    }
    const { engine, method } = await bench();
    let request: ExecRequest | undefined;
    engine.openSession = async (_id, asked) => {
      request = asked;
      throw new Error('seen');
    };
    await expect(method.prepare(signal)).rejects.toThrow('seen');
    const [program = '', ...args] = request?.argv ?? [];
    const result = spawnSync(program, args, {
      env: { PATH: `${directory}:/usr/bin:/bin`, ...env, ...request?.env },
      input: 'print(1)\n',
      encoding: 'utf8',
    });
    expect(args.join('\n')).not.toContain('s3cret');
    return { said: result.stdout, stderr: result.stderr };
  }

  it.each([
    ['mongosh', {}, 'print(1)'],
    [
      'mongo',
      { MONGO_INITDB_ROOT_USERNAME: 'root "of" all', MONGO_INITDB_ROOT_PASSWORD: 's3cret\\"' },
      'db.getSiblingDB("admin").auth("root \\"of\\" all", "s3cret\\\\\\"")',
    ],
    ['mongosh', { MONGODB_ROOT_PASSWORD: 's3cret' }, 'db.getSiblingDB("admin").auth("root", "s3cret")'],
  ])('%s logs in by its input, %j', async (client, env, first) => {
    const { said } = await run(client, env);
    expect(said).toBe(`${client} --quiet --norc --host 127.0.0.1 --port 27017 admin\n${first}\n`);
  });

  it('reads a password from its secret file', async () => {
    const file = join(directory, 'secret');
    await writeFile(file, 's3cret\n');
    const { said } = await run('mongosh', { MONGO_INITDB_ROOT_PASSWORD_FILE: file });
    expect(said).toContain('auth("root", "s3cret")');
  });

  it('is missed where its image has none', async () => {
    expect(await run(undefined, {})).toEqual({
      said: '',
      stderr: 'neither mongosh nor mongo is in its image\n',
    });
  });
});
