import type { Operation } from '@tacet/protocol';
import type { Said } from './state.ts';

const states: Record<Operation['state'], Said> = {
  running: { tone: 'busy', words: 'running' },
  succeeded: { tone: 'good', words: 'succeeded' },
  failed: { tone: 'bad', words: 'failed' },
};

export function operationSaid({ state, error }: Operation): Said {
  return error?.code === 'cancelled' ? { tone: 'unknown', words: 'cancelled' } : states[state];
}

/** `Backup of guest 101`, `Restore of guest 101 as 201` */
export function operationTitle({ kind, vmid, restoredTo }: Operation): string {
  const words = `${kind.charAt(0).toUpperCase()}${kind.slice(1)} of guest ${vmid}`;
  return restoredTo === null || restoredTo === vmid ? words : `${words} as ${restoredTo}`;
}

/** What becomes of an operation that is cancelled now, in plain words. */
export function cancelWords({ kind, vmid, steps }: Operation): string {
  if (kind === 'rehearsal') return `Guest ${vmid} is thawed at once, if it is held.`;
  const has = (name: string): boolean => steps.some((step) => step.name === name);
  const isHeld = has('held') && !has('thawed');
  const first = isHeld ? `Guest ${vmid} is held now: it is thawed first. ` : '';
  return has('requested')
    ? `${first}Then the node is asked to stop, and what it has written so far is thrown away: there will be no backup. If it is done before it can be stopped, the backup stands.`
    : `${first}The node has not been asked for anything yet: there will be no backup.`;
}

/** Those of one guest that are under way, be it as the guest that is backed up or as the one that a restore makes. */
export function runningOn(vmid: number, operations: readonly Operation[]): Operation[] {
  return operations.filter(
    (one) => one.state === 'running' && (one.vmid === vmid || one.restoredTo === vmid),
  );
}
