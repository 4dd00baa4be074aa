import { existsSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { Api, LabStage } from '@tacet/demo';
import type { Backup, Operation } from '@tacet/protocol';
import { expect } from 'vitest';
import { until } from './until.ts';
import { VzdumpGate } from './vzdump-gate.ts';

const operationMs = 120_000;
const never = new AbortController().signal;

/** A backup that stands between its hold and its snapshot. Disposing of it lets it go on. */
export interface HeldBackup extends AsyncDisposable {
  readonly operation: Operation;
  /** Lets Proxmox VE make its snapshot. */
  letGo(): Promise<void>;
}

export async function startAndHold(stage: LabStage, api: Api): Promise<HeldBackup> {
  const gate = await VzdumpGate.close(stage);
  try {
    const operation = await api.startBackup(stage.original, never);
    await gate.reached();
    return {
      operation,
      letGo: () => gate.open(),
      [Symbol.asyncDispose]: () => gate[Symbol.asyncDispose](),
    };
  } catch (error) {
    await gate[Symbol.asyncDispose]();
    throw error;
  }
}

/** How an operation has ended. */
export async function ended(api: Api, { id }: Pick<Operation, 'id'>): Promise<Operation> {
  return await until(`operation ${id} has ended`, operationMs, async () => {
    const operation = await api.operation(id, never);
    return operation.state === 'running' ? undefined : operation;
  });
}

/** @throws Error when there is none: whatever happens, what plain vzdump would have made must be there. */
export async function backUp(stage: LabStage, api: Api): Promise<Backup> {
  return madeBy(await ended(api, await api.startBackup(stage.original, never)));
}

export function madeBy({ backup, error }: Operation): Backup {
  if (backup === null) throw new Error(`no backup was made: ${error?.message}`);
  return backup;
}

/** Where a backup's archive lies on the storage `local`. */
export function archiveOf(stage: LabStage, { volid }: Pick<Backup, 'volid'>): string {
  const file = join(stage.lab.scratchDirectory, 'local', 'dump', basename(volid));
  expect(existsSync(file), `${file} exists`).toBe(true);
  return file;
}
