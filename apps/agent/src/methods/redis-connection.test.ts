import { spawnSync } from 'node:child_process';
import { chmod, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { redisClientRequest } from './redis-connection.ts';

// The script is run as the container would, with a client that only tells how it was called.
let directory: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'tacet-redis-'));
  await mkdir(join(directory, 'bin'));
  await writeFile(
    join(directory, 'bin/redis-cli'),
    '#!/bin/sh\necho "$*"\necho "${REDISCLI_AUTH-none}"\necho "${TACET_HOLD-unmarked}"\n',
  );
  await chmod(join(directory, 'bin/redis-cli'), 0o755);
  await symlink('/bin/cat', join(directory, 'bin/cat'));
  await symlink('/bin/sh', join(directory, 'bin/sh'));
});
afterEach(() => rm(directory, { recursive: true }));

function run(
  command: readonly string[],
  env: Record<string, string> = {},
  marked = true,
): { options: string; password: string; mark: string; stderr: string } {
  const { argv, env: own } = redisClientRequest(command, { marked });
  const [program = '', ...args] = argv;
  const result = spawnSync(program, args, {
    cwd: directory,
    env: { PATH: join(directory, 'bin'), ...env, ...own },
    encoding: 'utf8',
  });
  const [options = '', password = '', mark = ''] = result.stdout.split('\n');
  expect(argv.join('\n')).not.toContain('s3cret');
  return { options, password, mark, stderr: result.stderr };
}

const inShell = (file: string): string[] => ['sh', '-c', `exec redis-server --requirepass "$(cat ${file})"`];

describe('the password', () => {
  it.each<[string, string[], Record<string, string>, string]>([
    ['none', ['redis-server'], {}, 'none'],
    ['an argument', ['docker-entrypoint.sh', 'redis-server', '--requirepass', 's3cret x'], {}, 's3cret x'],
    ['of the environment', ['redis-server'], { REDIS_PASSWORD: 's3cret' }, 's3cret'],
    ['for Valkey', ['valkey-server'], { VALKEY_PASSWORD: 's3cret' }, 's3cret'],
    ['for the client itself', ['redis-server'], { REDISCLI_AUTH: 's3cret', REDIS_PASSWORD: 'no' }, 's3cret'],
    ['in a shell', ['sh', '-c', "redis-server --requirepass 's3cret' --port 7"], {}, 's3cret'],
    [
      'a variable in a shell',
      ['sh', '-c', 'redis-server --requirepass "$PASS"'],
      { PASS: 's3cret' },
      's3cret',
    ],
    [
      'a variable in braces',
      ['sh', '-c', 'redis-server --requirepass ${PASS:-x}'],
      { PASS: 's3cret' },
      's3cret',
    ],
  ])('is %s', (_name, command, env, password) => {
    expect(run(command, env).password).toBe(password);
  });

  it('is read from files: those named by variables, by the command, and by the configuration', async () => {
    const file = join(directory, 'secret');
    await writeFile(file, 's3cret\n');
    expect(run(['redis-server'], { REDIS_PASSWORD_FILE: file }).password).toBe('s3cret');
    expect(run(inShell('"$ANY_FILE"'), { ANY_FILE: file }).password).toBe('s3cret');
    expect(run(inShell(file)).password).toBe('s3cret');
    const conf = join(directory, 'redis.conf');
    await writeFile(conf, '# requirepass no\n  requirepass  "s3cret" \nport 7001\n');
    for (const command of [
      ['redis-server', conf],
      ['docker-entrypoint.sh', conf],
      ['sh', '-c', `exec redis-server ${conf} --appendonly yes`],
    ]) {
      expect(run(command, { REDIS_PASSWORD: 'of something else' })).toMatchObject({
        options: '-p 7001',
        password: 's3cret',
      });
    }
  });

  it('is not what an unreadable file would say', () => {
    expect(run(['redis-server', '/nowhere/redis.conf'], { REDIS_PASSWORD_FILE: '/nowhere' }).password).toBe(
      'none',
    );
  });
});

describe('the way in', () => {
  it.each<[string, string[], string]>([
    ['the usual port', ['redis-server'], '-p 6379'],
    ['another port', ['redis-server', '--port', '7000'], '-p 7000'],
    ['another port, in a shell', ['sh', '-c', 'redis-server --port 7000 --save ""'], '-p 7000'],
    ['a port beside a socket', ['redis-server', '--unixsocket', '/run/r.sock'], '-p 6379'],
    ['a socket alone', ['redis-server', '--port', '0', '--unixsocket', '/run/r.sock'], '-s /run/r.sock'],
    [
      'TLS alone',
      ['redis-server', '--port', '0', '--tls-port', '6380', '--tls-cert-file', '/c', '--tls-key-file', '/k'],
      '-p 6380 --tls --insecure --cert /c --key /k',
    ],
  ])('is %s', (_name, command, options) => {
    expect(run(command).options).toBe(options);
  });

  it('overrides the configuration on the command line', async () => {
    await writeFile(join(directory, 'redis.conf'), 'port 7001\n');
    expect(run(['redis-server', 'redis.conf', '--port', '7002']).options).toBe('-p 7002');
  });
});

describe('the client', () => {
  it('carries the mark of what may hold only where it may', () => {
    expect(run(['redis-server']).mark).toBe('1');
    expect(run(['redis-server'], {}, false).mark).toBe('unmarked');
  });

  it("is Valkey's where there is no other, and its absence is told", async () => {
    await symlink(join(directory, 'bin/redis-cli'), join(directory, 'bin/valkey-cli'));
    expect(run(['valkey-server']).options).toBe('-p 6379');
    await rm(join(directory, 'bin/valkey-cli'));
    await rm(join(directory, 'bin/redis-cli'));
    expect(run(['valkey-server']).stderr).toBe('neither redis-cli nor valkey-cli is in its image\n');
  });
});
