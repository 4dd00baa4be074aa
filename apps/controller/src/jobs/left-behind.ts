import { describeError } from '@tacet/runtime';
import type { GuestMarks, NodePort } from './ports.ts';

/**
 * What a vzdump that was killed has left on a guest, and the commands that clear it; undefined where there is
 * nothing. Nothing is cleared here: the same lock is on a guest that is being backed up by somebody else.
 */
export async function leftBehind(
  node: NodePort,
  vmid: number,
  signal: AbortSignal,
): Promise<string | undefined> {
  let marks: GuestMarks;
  try {
    marks = await node.marks(vmid, signal);
  } catch (error) {
    signal.throwIfAborted();
    return `Whether vzdump left its lock or its snapshot on guest ${vmid} could not be seen: ${describeError(error)}`;
  }
  const isLocked = marks.lock === 'backup';
  const hasSnapshot = marks.snapshots.includes('vzdump');
  if (marks.lock !== undefined && !isLocked) {
    return `Guest ${vmid} is locked (${marks.lock}) by something else than a backup; try again when that is over.`;
  }
  if (!isLocked && !hasSnapshot) return undefined;
  const found = [...(isLocked ? ['lock: backup'] : []), ...(hasSnapshot ? ["snapshot 'vzdump'"] : [])];
  const commands = [
    ...(isLocked ? [`pct unlock ${vmid}`] : []),
    ...(hasSnapshot ? [`pct delsnapshot ${vmid} vzdump`] : []),
  ];
  const outcome = isLocked ? ', and no backup of it succeeds until they are cleared' : '';
  return `A backup that was killed leaves these on guest ${vmid}${outcome}: ${found.join(', ')}. Unless another backup of it runs right now, clear them on ${node.name}: ${commands.join(' && ')}`;
}
