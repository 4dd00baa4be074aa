import { describeError } from '@tacet/runtime';
import type { GuestFacts } from './facts.ts';

/** What is asked of a container says nothing of a VM. */
export function isVm({ place }: GuestFacts): boolean {
  return place.ok && place.value?.type === 'qemu';
}

/** Why its configuration cannot be judged; undefined where it can. */
export function unreadable({ config, place }: GuestFacts): string | undefined {
  if (config.ok) return undefined;
  if (place.ok && place.value === undefined) return 'no node shows the guest';
  return `its configuration cannot be read: ${describeError(config.error)}`;
}
