import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { encodeEnrolmentToken } from '@tacet/protocol';
import { Undo } from '@tacet/runtime';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type FakeController, fakeController } from './session/fake-controller.ts';
import { agentVersion } from './version.ts';

const run = promisify(execFile);
const root = join(import.meta.dirname, '..');
const bundle = join(root, 'dist', 'tacet-agent.cjs');

/** The system's own Node as well, where it is one that the agent supports: Debian 13 has 20.19. */
async function nodes(): Promise<string[]> {
  try {
    const { stdout } = await run('/usr/bin/node', ['--version']);
    const major = Number(/^v(\d+)\./.exec(stdout)?.[1]);
    return major >= 20 ? [process.execPath, '/usr/bin/node'] : [process.execPath];
  } catch {
    return [process.execPath]; // a machine without a Node of its own
  }
}

describe.each(await nodes())('the bundle on %s', (node) => {
  const undo = new Undo();
  let controller: FakeController;
  let config: string;
  let runtimeDir: string;

  beforeAll(async () => {
    await run(process.execPath, [join(root, 'build.ts')]);
    const stateDir = await mkdtemp(join(tmpdir(), 'tacet-bundle-'));
    undo.defer(() => rm(stateDir, { recursive: true }));
    runtimeDir = join(stateDir, 'run');
    config = join(stateDir, 'agent.json');
    await writeFile(config, JSON.stringify({ stateDir, engineSocket: join(stateDir, 'no-engine.sock') }));
    controller = await fakeController();
    undo.defer(() => controller[Symbol.asyncDispose]());
  });
  afterAll(() => undo[Symbol.asyncDispose]());

  it('knows its version, and which commands it has', async () => {
    expect((await run(node, [bundle, 'version'])).stdout).toBe(`${agentVersion}\n`);
    await expect(run(node, [bundle, 'backup'])).rejects.toMatchObject({ code: 2 });
  });

  it('enrols, opens a session, says that it has no engine, and ends in good order', async () => {
    const { url, fingerprint } = controller;
    controller.onRequest = (_request, response) =>
      void response.end(JSON.stringify({ vmid: 101, credential: 'the-credential' }));
    const token = encodeEnrolmentToken({ url, fingerprint, secret: 'x'.repeat(40) });
    await run(node, [bundle, 'enroll', token, '--config', config]);
    const agent = spawn(node, [bundle, 'run', '--config', config], {
      stdio: 'ignore',
      env: { ...process.env, RUNTIME_DIRECTORY: runtimeDir },
    });
    undo.defer(() => agent.kill('SIGKILL'));
    const session = await controller.nextSession();
    expect(await session.frame('hello')).toMatchObject({ agentVersion, credential: 'the-credential' });
    await session.welcome();
    await session.frame('status', ({ status }) =>
      status.conditions.some(({ reason }) => reason === 'EngineUnreachable'),
    );
    const ended = once(agent, 'exit');
    agent.kill('SIGTERM');
    expect(await ended).toEqual([0, null]);
  });
});
