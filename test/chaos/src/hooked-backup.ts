import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { chmod, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { promisify } from 'node:util';
import { HttpControllerApi, readControllerFile } from '@tacet/cli';
import { renderHookScript } from '@tacet/cli/src/hook/hook-script.ts';
import type { LabStage } from '@tacet/demo';
import { type Backup, type Operation, operationListSchema } from '@tacet/protocol';
import { until } from './until.ts';

const run = promisify(execFile);
const callMs = 120_000;
const never = new AbortController().signal;

/** Puts the hook script where vzdump would find it. @returns its path */
export async function writeHookScript(stage: LabStage, patienceS: number): Promise<string> {
  const script = join(stage.lab.scratchDirectory, 'vzdump-hook.sh');
  const settings = { socket: stage.hookSocket, previous: '', closed: '', patience: patienceS };
  await writeFile(script, await renderHookScript(settings));
  await chmod(script, 0o755);
  return script;
}

export type Judged = Operation & { readonly backup: Backup };

/**
 * A backup in snapshot mode as the hook script of a vzdump sees it, phase by phase: whatever happens in between is the
 * test's. No archive is made. Disposing of it gives it up, as vzdump does when it fails.
 */
export class HookedBackup implements AsyncDisposable {
  /** What the script said for the log of the task. */
  readonly lines: string[] = [];
  /** Host time. */
  readonly beganAt = Date.now();
  readonly #stage: LabStage;
  readonly #script: string;
  readonly #target: string;
  #isOver = false;

  constructor(stage: LabStage, script: string) {
    this.#stage = stage;
    this.#script = script;
    this.#target = `/var/lib/vz/dump/vzdump-lxc-${stage.original}-${randomUUID()}.tar.zst`;
  }

  async prepare(): Promise<void> {
    await this.#call('backup-start');
  }

  async hold(): Promise<void> {
    await this.#call('pre-stop');
  }

  /** The snapshot is there. */
  async thaw(): Promise<void> {
    await this.#call('pre-restart');
  }

  /** The archive is complete. @returns the operation with the verdict. */
  async judged(): Promise<Judged> {
    await this.#call('post-restart');
    await this.#call('backup-end');
    this.#isOver = true;
    await this.#call('log-end');
    await using http = new HttpControllerApi(await readControllerFile(this.#stage.controllerFile));
    return await until('the controller has recorded the backup', callMs, async () => {
      const { operations } = await http.get(operationListSchema, '/operations', never);
      for (const { backup, ...operation } of operations) {
        if (backup?.volid.endsWith(basename(this.#target))) return { ...operation, backup };
      }
      return undefined;
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#isOver) return;
    await this.#call('backup-abort');
    await this.#call('log-end');
  }

  /** As vzdump calls it: without a PATH, phase, mode and VMID in its arguments. */
  async #call(phase: string): Promise<void> {
    const env = { LC_ALL: 'C', STOREID: 'local', TARGET: this.#target, VMTYPE: 'lxc', HOSTNAME: 'engines' };
    const args = [this.#script, phase, 'snapshot', String(this.#stage.original)];
    const { stdout } = await run('/bin/sh', args, { cwd: '/', timeout: callMs, env });
    this.lines.push(...stdout.split('\n').filter(Boolean));
  }
}
