import type { Operation } from '@tacet/protocol';
import type { Said } from './state.ts';

const states: Record<Operation['state'], Said> = {
  running: { tone: 'busy', words: 'running' },
  succeeded: { tone: 'good', words: 'succeeded' },
  failed: { tone: 'bad', words: 'failed' },
};

export function operationSaid({ state }: Operation): Said {
  return states[state];
}

/** `Backup of guest 101`, `Restore of guest 101 as 201` */
export function operationTitle({ kind, vmid, restoredTo }: Operation): string {
  const words = `${kind.charAt(0).toUpperCase()}${kind.slice(1)} of guest ${vmid}`;
  return restoredTo === null || restoredTo === vmid ? words : `${words} as ${restoredTo}`;
}
