import type { NotificationMessage } from '@tacet/protocol';

/** How loud a message may be. */
export function urgencyOf({ kind, resolved }: NotificationMessage): 'high' | 'normal' | 'low' {
  if (resolved || kind === 'test') return 'low';
  return kind === 'verdict-below-policy' || kind === 'hold-expired' ? 'normal' : 'high';
}
