import { mkdtempSync, readFileSync, rmSync, writeFileSync, existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import type { PveSim } from '../sim.ts';
import { SECRET } from './recorded-node.ts';

const call = z.object({
  argv: z.array(z.string()),
  env: z.record(z.string(), z.string()),
  cwd: z.string(),
  state: z.string(),
  frozen: z.number().nullable(),
  lock: z.string(),
  snapshots: z.string(),
});

export type HookCall = z.infer<typeof call>;

/**
 * A directory with a hook script in it that does what the recording one did: it notes its arguments, its
 * environment and how the guest stands (asking the API), says something on both its streams, and fails
 * where it is told to.
 */
export class HookFixture implements Disposable {
  readonly dir = mkdtempSync(join(tmpdir(), 'pve-sim-hook-'));
  readonly script = join(this.dir, 'hook.mjs');

  /** There while guest `vmid` is frozen; the contents of the guests keep it so. */
  frozenMark(vmid: number): string {
    return join(this.dir, `frozen-${vmid}`);
  }

  /** `fail` maps phases to exit codes. */
  writeRecorder(sim: PveSim, fail: Readonly<Record<string, number>>): void {
    const settings = { url: sim.url, ca: sim.certificatePem, dir: this.dir, fail, secret: SECRET };
    this.#write(`#!${process.execPath}
${RECORDER.replace('SETTINGS', JSON.stringify(settings))}`);
  }

  /** A shell script; there is no PATH, so commands are named whole. */
  writeShell(body: string): void {
    this.#write(`#!/bin/sh\n${body}\n`);
  }

  writeNotExecutable(): void {
    writeFileSync(this.script, '#!/bin/sh\n', { mode: 0o644 });
  }

  calls(): HookCall[] {
    const file = join(this.dir, 'calls');
    if (!existsSync(file)) return [];
    return readFileSync(file, 'utf8')
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => call.parse(JSON.parse(line)));
  }

  [Symbol.dispose](): void {
    rmSync(this.dir, { recursive: true, force: true });
  }

  #write(text: string): void {
    writeFileSync(this.script, text, { mode: 0o755 });
  }
}

const RECORDER = `
import { appendFileSync, existsSync } from 'node:fs';
import { request } from 'node:https';
const { url, ca, dir, fail, secret } = SETTINGS;
const [phase, , vmid] = process.argv.slice(2);
const get = (path) => new Promise((resolve, reject) => {
  const headers = { authorization: 'PVEAPIToken=root@pam!root=' + secret };
  request(url + '/api2/json/nodes/pve1/lxc/' + vmid + path, { ca, headers, agent: false }, (response) => {
    let text = '';
    response.on('data', (chunk) => (text += chunk)).on('end', () => resolve(JSON.parse(text).data));
  }).on('error', reject).end();
});
const guest = { state: '', frozen: null, lock: '', snapshots: '' };
if (vmid !== undefined) {
  const status = await get('/status/current');
  const names = (await get('/snapshot')).map(({ name }) => name).filter((name) => name !== 'current');
  guest.state = status.status.toUpperCase();
  if (status.status === 'running') guest.frozen = existsSync(dir + '/frozen-' + vmid) ? 1 : 0;
  guest.lock = status.lock === undefined ? '' : 'lock: ' + status.lock;
  guest.snapshots = names.map((name) => '[' + name + ']').join(' ');
}
const call = { argv: process.argv.slice(2), env: { ...process.env }, cwd: process.cwd(), ...guest };
appendFileSync(dir + '/calls', JSON.stringify(call) + '\\n');
process.stdout.write('HOOK-STDOUT ' + phase + '\\n');
process.stderr.write('HOOK-STDERR ' + phase + '\\n');
if (fail[phase] !== undefined) process.stdout.write('hook: failing ' + phase + ' with ' + fail[phase] + '\\n');
process.exitCode = fail[phase] ?? 0;
`;
