import { execFile } from 'node:child_process';
import { chmod, cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { ApiClient } from '@tacet/controller/testing';
import { enrolmentSchema } from '@tacet/protocol';
import { Undo } from '@tacet/runtime';
import { beforeEach, expect, it, vi } from 'vitest';

const run = promisify(execFile);
// Each starts the program several times.
vi.setConfig({ testTimeout: 240_000 });
const root = join(import.meta.dirname, '../../../..');
const guide = join(root, 'docs/guides/controller-recovery.md');
const program = join(root, 'apps/controller/src/main.ts');

/** What a machine has besides: the program, and a systemctl for this one service. */
const commands = {
  'tacet-controller': `exec ${process.execPath} --disable-warning=ExperimentalWarning ${program} "$@"`,
  systemctl: `
case $1 in
  start)
    setsid tacet-controller --config "$ROOT/etc/tacet/controller.json" >"$ROOT/log" 2>&1 &
    echo $! >"$ROOT/pid"
    for _ in $(seq 600); do grep -q 'controller ready' "$ROOT/log" && exit 0; sleep 0.1; done
    cat "$ROOT/log"; exit 1 ;;
  stop)
    [ -f "$ROOT/pid" ] || exit 0
    kill "$(cat "$ROOT/pid")"
    while kill -0 "$(cat "$ROOT/pid")" 2>/dev/null; do sleep 0.1; done
    rm "$ROOT/pid" ;;
esac`,
};

let undo: Undo;
let machine: string;
beforeEach(async () => {
  undo = new Undo();
  machine = await mkdtemp(join(tmpdir(), 'tacet-machine-'));
  undo.defer(() => rm(machine, { recursive: true }));
  await mkdir(join(machine, 'bin'));
  for (const [name, text] of Object.entries(commands)) {
    await writeFile(join(machine, 'bin', name), `#!/bin/sh\n${text}\n`);
    await chmod(join(machine, 'bin', name), 0o755);
  }
  for (const directory of ['etc/tacet', 'root', 'var/backups', 'var/lib']) {
    await mkdir(join(machine, directory), { recursive: true });
  }
  undo.defer(() => sh('systemctl stop tacet-controller'));
  return () => undo[Symbol.asyncDispose]();
});

async function sh(script: string): Promise<string> {
  const env = { ...process.env, ROOT: machine, PATH: `${machine}/bin:${process.env['PATH']}` };
  const { stdout } = await run('/bin/sh', ['-ec', script], { env });
  return stdout;
}

/** A block of commands of the guide, on this machine instead of the operator's. */
async function block(name: string): Promise<string> {
  const text = await readFile(guide, 'utf8');
  const [, found] = new RegExp(`<!-- controller: ${name} -->\\n\\n\`\`\`sh\\n([^]*?)\`\`\``).exec(text) ?? [];
  if (found === undefined) throw new Error(`the guide has no block ${name}`);
  return found
    .replaceAll(/(?<![\w/])\/(etc\/tacet|var\/backups|root)\b/g, `${machine}/$1`)
    .replace('-o tacet-controller -g tacet-controller ', '');
}

const controllerFile = () => join(machine, 'var/lib/tacet-controller/cli.json');

async function fingerprint(): Promise<unknown> {
  return (JSON.parse(await readFile(controllerFile(), 'utf8')) as Record<string, unknown>)['fingerprint'];
}

it('a controller comes back from its backup by the commands of the guide', async () => {
  const config = {
    listen: { address: '127.0.0.1', port: 0 },
    stateDir: join(machine, 'var/lib/tacet-controller'),
    keyFile: join(machine, 'etc/tacet/controller.key'),
    nodes: [],
  };
  await writeFile(join(machine, 'etc/tacet/controller.json'), JSON.stringify(config));
  await sh('systemctl start tacet-controller');
  const api = await ApiClient.of(controllerFile());
  await api.expect(enrolmentSchema, 'POST', '/api/v1/guests/101/enrolments');
  await api.call('POST', '/api/v1/accounts', { name: 'anna', role: 'viewer', password: 'long enough it is' });
  const pinned = await fingerprint();

  await sh(await block('daily'));
  await sh(await block('key'));
  const [made = ''] = await readdir(join(machine, 'var/backups/tacet'));
  expect(made).toMatch(/^\d{4}-\d\d-\d\d\.tar\.gz$/);
  await cp(join(machine, 'var/backups/tacet', made), join(machine, 'root/controller.tar.gz'));

  await sh('systemctl stop tacet-controller');
  for (const burnt of ['etc/tacet', 'var/lib/tacet-controller', 'var/backups']) {
    await rm(join(machine, burnt), { recursive: true });
  }
  await mkdir(join(machine, 'etc/tacet'));

  const said = await sh(await block('restore'));
  expect(said).not.toContain('bring back the key');
  expect(await fingerprint()).toBe(pinned);
  const again = await ApiClient.of(controllerFile());
  expect(await again.call('GET', '/api/v1/accounts')).toMatchObject({
    status: 200,
    body: { accounts: [{ name: 'anna' }] },
  });
});

it('the program says what it cannot do: no arguments, a file that is there, a backup that is none', async () => {
  const config = { listen: { address: '127.0.0.1', port: 0 }, stateDir: join(machine, 'state'), nodes: [] };
  const configPath = join(machine, 'etc/tacet/controller.json');
  await writeFile(configPath, JSON.stringify(config));
  await expect(sh('tacet-controller backup-store --config x')).rejects.toMatchObject({ code: 2 });
  const file = join(machine, 'root/there');
  await writeFile(file, 'precious');
  for (const command of ['backup-store', 'restore-store']) {
    await expect(sh(`tacet-controller ${command} ${file} --config ${configPath}`)).rejects.toMatchObject({
      code: 1,
      stderr: expect.stringContaining('hint: '),
    });
  }
  expect(await readFile(file, 'utf8')).toBe('precious');
  expect(existsSync(join(machine, 'state'))).toBe(false);
});
