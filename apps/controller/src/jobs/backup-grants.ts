import { guestRole, lackingForBackup, ProxmoxError, UnauthorizedError } from '@tacet/proxmox';
import { type Clock, DeadlineError, describeError, runWithin } from '@tacet/runtime';
import { Failure } from '../failure.ts';
import { asNodeFailure } from '../nodes/node-failure.ts';
import type { HeldGrants, NodePort } from './ports.ts';
import type { Recorder } from './recorder.ts';

interface Asked {
  readonly node: NodePort;
  readonly vmid: number;
  readonly storage: string;
  readonly clock: Clock;
  readonly recorder: Recorder;
  readonly signal: AbortSignal;
}

/** A refusal of the token itself takes the node 3 s. */
const DEADLINE_MS = 5_000;

/**
 * Refuses, before anything is held, a backup that the node is sure to refuse. Where the node does not say what the token
 * may do, the backup is asked for all the same.
 *
 * @throws Failure `node-refused`
 */
export async function requireBackupGrants({
  node,
  vmid,
  storage,
  clock,
  recorder,
  signal,
}: Asked): Promise<void> {
  let held: HeldGrants;
  try {
    const paths = [`/vms/${vmid}`, `/storage/${storage}`];
    held = await runWithin(
      signal,
      DEADLINE_MS,
      'asking what the token may do',
      (within) => node.grantsOn(paths, within),
      { clock },
    );
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof UnauthorizedError) {
      throw asNodeFailure(
        error,
        `${node.name} refuses the token for guest ${vmid}: nothing was held for a backup`,
      );
    }
    if (!(error instanceof ProxmoxError) && !(error instanceof DeadlineError)) throw error;
    recorder.step('grants-unknown', describeError(error));
    return;
  }
  const lacking = lackingForBackup(held.permissions, vmid, storage).filter(
    ({ path, refusedFor }) => path in held.permissions && refusedFor.length > 0,
  );
  if (lacking.length === 0) return;
  const what = lacking.map(({ path, refusedFor }) => `${refusedFor.join(' and ')} on ${path}`).join(', and ');
  throw new Failure(
    'node-refused',
    `${node.name} would refuse the backup of guest ${vmid}, so nothing was held for it: token ${held.tokenId} lacks ${what}`,
    {
      hint: `Grant role ${guestRole.role} on ${lacking.map(({ path }) => path).join(' and ')} to the user and to its token: a token has what both have. tacet doctor ${vmid} has the lines.`,
    },
  );
}
