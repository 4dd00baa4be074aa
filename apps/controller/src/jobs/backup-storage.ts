import { ForbiddenError, MissingError, ProxmoxError } from '@tacet/proxmox';
import { describeError } from '@tacet/runtime';
import { Failure } from '../failure.ts';
import { asNodeFailure } from '../nodes/node-failure.ts';
import type { NodePort } from './ports.ts';
import type { Recorder } from './recorder.ts';

/** Refused before anything is quiesced: a target that cannot take backups. */
export async function requireBackupStorage(
  node: NodePort,
  storage: string,
  recorder: Recorder,
  signal: AbortSignal,
): Promise<void> {
  try {
    const { content, enabled } = await node.storageStatus(storage, signal);
    if (!enabled) {
      throw new Failure('invalid-input', `the storage ${storage} is disabled`, {
        hint: `Enable it (pvesm set ${storage} --disable 0), or name another: tacet backup VMID --storage STORAGE`,
      });
    }
    if (content.includes('backup')) return;
    throw new Failure(
      'invalid-input',
      `the storage ${storage} holds no backups, only ${content.join(', ')}`,
      {
        hint: `Add the content type backup to it, or name another: tacet backup VMID --storage STORAGE`,
      },
    );
  } catch (error) {
    signal.throwIfAborted();
    if (!(error instanceof ProxmoxError)) throw error;
    const final = error instanceof MissingError || error instanceof ForbiddenError;
    if (final) throw asNodeFailure(error, `the storage ${storage} cannot be used on ${node.name}`);
    recorder.step('storage-unknown', describeError(error));
  }
}
