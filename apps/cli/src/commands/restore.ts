import {
  type Operation,
  operationSchema,
  type Regenerable,
  type RestoreNetwork,
  restoreNetworkSchema,
  type StartRestore,
} from '@tacet/protocol';
import { InvalidArgumentError } from 'commander';
import { usage } from '../cli-error.ts';
import { type Context, printJson } from '../context.ts';
import { type ExitCode, exitCodes } from '../exit-codes.ts';
import { followOperation, requireSuccess } from '../follow-operation.ts';

export interface RestoreOptions {
  readonly to?: number;
  readonly inPlace?: boolean;
  /** False with `--no-safety-backup`. */
  readonly safetyBackup: boolean;
  readonly network?: RestoreNetwork;
  readonly gateway?: string;
  readonly node?: string;
  readonly backup?: string;
  readonly storage?: string;
  readonly regenerate?: readonly Regenerable[];
}

export async function restore(vmid: number, options: RestoreOptions, context: Context): Promise<ExitCode> {
  const { api, signal } = context;
  const started = await api.post(
    operationSchema,
    `/guests/${vmid}/restores`,
    requestOf(vmid, options),
    signal,
  );
  return reportRestore(await followOperation(started, context), context);
}

export function reportRestore(operation: Operation, context: Context): ExitCode {
  if (context.json) printJson(context, operation);
  const { vmid, restoredTo, backup, steps } = requireSuccess(operation);
  const notAwaited = steps.find(({ name }) => name === 'not-awaited');
  const exitCode = notAwaited === undefined ? exitCodes.ok : exitCodes.below;
  if (context.json) return exitCode;
  const how = restoredTo === vmid ? 'in place' : `from guest ${vmid}`;
  const state = notAwaited === undefined ? 'healed and ready' : `and started; ${notAwaited.message}`;
  context.print(`\nGuest ${restoredTo} is restored ${how}, ${state}.`);
  if (backup !== null) context.print(`What it was before is in backup ${backup.id} (${backup.volid}).`);
  return exitCode;
}

/** `keep`, `dhcp`, `link-down`, or an address with its length. */
export function parseNetwork(text: string): RestoreNetwork {
  const wanted = text.includes('/') ? { policy: 'static', address: text } : { policy: text };
  const parsed = restoreNetworkSchema.safeParse(wanted);
  if (parsed.success) return parsed.data;
  throw new InvalidArgumentError('It is keep, dhcp, link-down, or an address as 10.0.0.5/24.');
}

function requestOf(vmid: number, options: RestoreOptions): StartRestore {
  const { to, inPlace = false, safetyBackup, gateway, backup: backupId, storage, node } = options;
  if (inPlace === (to !== undefined)) {
    throw usage(
      'say where to: --to VMID for a copy, or --in-place for the guest itself',
      `tacet restore ${vmid} --to 201`,
    );
  }
  if (to === vmid) {
    throw usage(
      `--to ${vmid} is the guest itself`,
      `tacet restore ${vmid} --in-place, or the VMID of a copy.`,
    );
  }
  if (!inPlace && !safetyBackup) {
    throw usage(
      '--no-safety-backup is for --in-place: a copy replaces nothing',
      `tacet restore ${vmid} --to ${to}`,
    );
  }
  const { regenerate } = options;
  if (inPlace && regenerate !== undefined) {
    throw usage(
      '--regenerate is for a copy: in place there is nobody to share with',
      `tacet restore ${vmid} --in-place`,
    );
  }
  let { network } = options;
  if (gateway !== undefined) {
    if (network?.policy !== 'static') {
      throw usage('--gateway needs an address', '--network 10.0.0.5/24 --gateway 10.0.0.1');
    }
    network = { ...network, gateway };
  }
  return {
    to: to ?? vmid,
    ...(inPlace && { replace: true, safety: safetyBackup ? 'backup' : 'none' }),
    ...(network !== undefined && { network }),
    ...(backupId !== undefined && { backupId }),
    ...(storage !== undefined && { storage }),
    ...(node !== undefined && { node }),
    ...(regenerate !== undefined && { regenerate: [...regenerate] }),
  };
}
