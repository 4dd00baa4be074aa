import { execFile } from 'node:child_process';
import { chmod, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { renderHookScript } from '@tacet/cli/src/hook/hook-script.ts';
import type { LabStage } from './lab-stage.ts';

const run = promisify(execFile);
const callMs = 120_000;

/** The hook script as `tacet hook install` writes it, called as vzdump in snapshot mode does. */
export class VzdumpHook {
  readonly #script: string;
  readonly #vmid: number;

  private constructor(script: string, vmid: number) {
    this.#script = script;
    this.#vmid = vmid;
  }

  static async write(stage: LabStage, patienceS: number): Promise<VzdumpHook> {
    const script = join(stage.lab.scratchDirectory, 'vzdump-hook.sh');
    const settings = { socket: stage.hookSocket, previous: '', closed: '', patience: patienceS };
    await writeFile(script, await renderHookScript(settings));
    await chmod(script, 0o755);
    return new VzdumpHook(script, stage.original);
  }

  /**
   * Without a PATH; phase, mode and VMID in its arguments.
   * @returns what it says for the log of the task.
   */
  async call(phase: string, environment: Readonly<Record<string, string>> = {}): Promise<string[]> {
    const env = { LC_ALL: 'C', STOREID: 'local', VMTYPE: 'lxc', HOSTNAME: 'lab', ...environment };
    const args = [this.#script, phase, 'snapshot', String(this.#vmid)];
    const { stdout } = await run('/bin/sh', args, { cwd: '/', timeout: callMs, env });
    return stdout.split('\n').filter(Boolean);
  }
}
