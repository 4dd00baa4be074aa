import { randomUUID } from 'node:crypto';
import { basename } from 'node:path';
import { HttpControllerApi, readControllerFile } from '@tacet/cli';
import type { LabStage, VzdumpHook } from '@tacet/demo';
import { type Backup, type Operation, operationListSchema } from '@tacet/protocol';
import { until } from './until.ts';

const recordedMs = 120_000;
const never = new AbortController().signal;

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
  readonly #hook: VzdumpHook;
  readonly #target: string;
  #isOver = false;

  constructor(stage: LabStage, hook: VzdumpHook) {
    this.#stage = stage;
    this.#hook = hook;
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
    return await until('the controller has recorded the backup', recordedMs, async () => {
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

  async #call(phase: string): Promise<void> {
    this.lines.push(...(await this.#hook.call(phase, { TARGET: this.#target })));
  }
}
