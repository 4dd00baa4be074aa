import type { StoredEvent } from '@tacet/protocol';
import type { Tone } from '../../model/state.ts';

/** How an event is marked. What is ordinary is not coloured. */
export function eventTone({ type, data }: Pick<StoredEvent, 'type' | 'data'>): Tone {
  if (/failed|expired|quarantined/.test(type)) return 'bad';
  if (type === 'operation.finished') return data['state'] === 'failed' ? 'bad' : 'good';
  if (type === 'heal.finished' || type === 'guest.enrolled' || type === 'guest.adopted') return 'good';
  if (/started|prepared|held|step/.test(type)) return 'busy';
  if (type === 'session.closed' || type === 'identity.kept') return 'watch';
  return 'unknown';
}
