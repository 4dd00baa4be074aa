import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ComposeProject } from '@tacet/protocol';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { linuxRepairs } from './guest-repairs.ts';

let directory: string;
let project: ComposeProject;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'tacet-repairs-'));
  const file = join(directory, 'compose.yaml');
  await writeFile(file, '');
  project = { stack: 'shop', workingDir: directory, configFiles: [file], envFiles: [] };
  vi.stubEnv('PATH', `${directory}:/usr/bin:/bin`);
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await rm(directory, { recursive: true });
});

/** A program of the guest: a shell script that stands for it. */
async function install(name: string, script: string): Promise<void> {
  const path = join(directory, name);
  await writeFile(path, `#!/bin/sh\n${script}\n`);
  await chmod(path, 0o755);
}

const soon = () => AbortSignal.timeout(10_000);
const repairs = linuxRepairs('/run/docker.sock');

describe('compose up', () => {
  it('names the project and touches one service of it, on the agent’s own engine', async () => {
    await install('docker', `echo "$DOCKER_HOST $*" > ${directory}/asked`);
    await repairs.composeUp(project, 'db', soon());
    expect(await readFile(join(directory, 'asked'), 'utf8')).toBe(
      `unix:///run/docker.sock compose --ansi never --project-name shop --project-directory ${directory} ` +
        `--file ${directory}/compose.yaml up --detach --no-deps --no-recreate --no-build --pull never -- db\n`,
    );
  });

  it.each([
    ['there is no docker', undefined, /this guest has no docker/],
    [
      'there is no compose',
      `echo "docker: 'compose' is not a docker command." >&2; exit 1`,
      /no docker compose/,
    ],
    ['there is no such service', 'echo "no such service: db" >&2; exit 1', /up db of shop: no such service/],
    ['the image is gone', 'echo "Error: No such image: app:1" >&2; exit 1', /No such image/],
  ])('is hopeless where %s', async (_what, script, message) => {
    if (script === undefined) vi.stubEnv('PATH', directory);
    else await install('docker', script);
    await expect(repairs.composeUp(project, 'db', soon())).rejects.toMatchObject({
      code: 'not-found',
      message: expect.stringMatching(message),
    });
  });

  it('is hopeless where its files are gone, and says which', async () => {
    await rm(join(directory, 'compose.yaml'));
    await expect(repairs.composeUp(project, 'db', soon())).rejects.toMatchObject({
      code: 'not-found',
      message: `${directory}/compose.yaml of the stack shop is not in this guest`,
    });
  });

  it('may be tried again where compose failed otherwise', async () => {
    await install('docker', 'echo building >&2; echo "cannot reach the engine" >&2; exit 17');
    await expect(repairs.composeUp(project, 'db', soon())).rejects.toMatchObject({
      code: 'internal',
      message: 'docker compose up db of shop: cannot reach the engine',
    });
  });

  it('is killed with its children when it takes too long', async () => {
    await install('docker', `sleep 60 & echo $! > ${directory}/child; wait`);
    const enough = new AbortController();
    const child = async () => Number(await readFile(join(directory, 'child'), 'utf8').catch(() => ''));
    const running = repairs.composeUp(project, 'db', enough.signal);
    running.catch(() => undefined);
    await expect.poll(child).toBeGreaterThan(0);
    enough.abort(new Error('enough'));
    await expect(running).rejects.toThrow('enough');
    const pid = await child();
    await expect.poll(async () => await isAlive(pid)).toBe(false);
  });
});

describe('the engine', () => {
  it('is asked for by the guest’s init, which nobody waits for', async () => {
    await install('systemctl', `echo "$*" >> ${directory}/asked`);
    await repairs.startEngine(soon());
    expect(await readFile(join(directory, 'asked'), 'utf8')).toBe(
      'is-enabled --quiet docker.service\nreset-failed docker.service docker.socket\nstart --no-block docker.service\n',
    );
  });

  it('is left alone where it is not meant to start by itself', async () => {
    await install('systemctl', `echo "$*" >> ${directory}/asked; [ "$1" != is-enabled ]`);
    await expect(repairs.startEngine(soon())).rejects.toMatchObject({ code: 'not-found' });
    expect(await readFile(join(directory, 'asked'), 'utf8')).toBe('is-enabled --quiet docker.service\n');
  });
});

/** A zombie, whose parent has not looked yet, is not. */
async function isAlive(pid: number): Promise<boolean> {
  const status = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
  return status !== '' && !status.includes(') Z ');
}
