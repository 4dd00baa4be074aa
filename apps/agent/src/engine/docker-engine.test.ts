import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type RequestListener, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { DockerEngine } from './docker-engine.ts';

// What needs no real daemon. Everything else is tested against one, in a real guest.

let directory: string;
let socketPath: string;
let server: Server | undefined;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'tacet-docker-'));
  socketPath = join(directory, 'docker.sock');
});
afterEach(async () => {
  vi.unstubAllEnvs();
  server?.closeAllConnections();
  server?.close();
  server = undefined;
  await rm(directory, { recursive: true });
});

async function daemonThat(answers: RequestListener): Promise<DockerEngine> {
  server = createServer(answers);
  const listening = new Promise((resolve) => server?.once('listening', resolve));
  server.listen(socketPath);
  await listening;
  return new DockerEngine({ socketPath });
}

const refusing = (status: number, message: string): Promise<DockerEngine> =>
  daemonThat((_request, response) => {
    response.writeHead(status, { 'content-type': 'application/json' });
    response.end(status === 304 ? undefined : JSON.stringify({ message }));
  });

const soon = (): AbortSignal => AbortSignal.timeout(5_000);

describe('the engine', () => {
  it('is unreachable where nobody listens', async () => {
    const engine = new DockerEngine({ socketPath });
    await expect(engine.version(soon())).rejects.toMatchObject({
      code: 'engine-unreachable',
      retryable: true,
    });
    await expect(engine.changes(soon()).next()).rejects.toMatchObject({ code: 'engine-unreachable' });
  });

  it('is the one on the socket, whatever the environment says', async () => {
    vi.stubEnv('DOCKER_HOST', 'tcp://192.0.2.1:2375');
    const engine = await daemonThat((_request, response) => response.end('{"Version":"26.1.5"}'));
    expect(await engine.version(soon())).toBe('26.1.5');
  });

  it('names its storage driver, and is none the worse for not naming it', async () => {
    const answers = [
      '{"Driver":"overlayfs","DriverStatus":[["driver-type","io.containerd.snapshotter.v1"]]}',
      '{}',
    ];
    const engine = await daemonThat((_request, response) => response.end(answers.shift()));
    expect(await engine.storageDriver(soon())).toBe('overlayfs');
    expect(await engine.storageDriver(soon())).toBe('unknown');
  });

  it('does not keep anybody waiting who has had enough, though it hangs', async () => {
    const engine = await daemonThat(() => undefined);
    const reason = new Error('enough');
    const calls: ((signal: AbortSignal) => Promise<unknown>)[] = [
      (signal) => engine.version(signal),
      (signal) => engine.containers(signal),
      (signal) => engine.pause('c1', signal),
      (signal) => engine.exec('c1', { argv: ['true'] }, signal),
      (signal) => engine.openSession('c1', { argv: ['sh'] }, signal),
      (signal) => engine.changes(signal).next(),
    ];
    for (const call of calls) {
      const enough = new AbortController();
      setTimeout(() => enough.abort(reason), 20);
      await expect(call(enough.signal)).rejects.toBe(reason);
    }
  });

  it.each([
    [304, 'start', ''],
    [304, 'stop', ''],
    [409, 'pause', 'Container c1 is already paused'],
    [500, 'unpause', 'Container c1 is not paused'],
  ] as const)('has nothing to do at %i for %s', async (status, verb, message) => {
    const engine = await refusing(status, message);
    const done = verb === 'stop' ? engine.stop('c1', 1_000, soon()) : engine[verb]('c1', soon());
    await expect(done).resolves.toBeUndefined();
  });

  it.each([
    [404, 'No such container: c1', 'not-found', false],
    [409, 'Container c1 is not running', 'internal', false],
    [500, 'driver failed', 'internal', true],
  ])('refuses with %i in its own words', async (status, message, code, retryable) => {
    const engine = await refusing(status, message);
    await expect(engine.pause('c1', soon())).rejects.toMatchObject({
      message: `pause c1: ${message}`,
      code,
      retryable,
    });
  });

  it('stops in whole seconds, never in none where some were asked for', async () => {
    const urls: (string | undefined)[] = [];
    const engine = await daemonThat((request, response) => {
      urls.push(request.url);
      response.writeHead(204).end();
    });
    await engine.stop('c1', 1_500, soon());
    expect(urls).toEqual(['/containers/c1/stop?t=2']);
  });
});
