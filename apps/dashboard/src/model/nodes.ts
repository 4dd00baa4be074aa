import type { NodeView } from '@tacet/protocol';
import type { Said } from './state.ts';

export function reachableSaid({ answered }: NodeView['reachable']): Said {
  return answered ? { tone: 'good', words: 'answers' } : { tone: 'bad', words: 'does not answer' };
}

export function trustWords({ trust }: Pick<NodeView, 'trust'>): string {
  return trust === 'ca'
    ? 'the certificate authority that is configured'
    : 'the fingerprint of its certificate';
}

export function restoreWords({
  tokens,
  restoreStorage,
}: Pick<NodeView, 'tokens' | 'restoreStorage'>): string {
  if (tokens.restore === null) return 'not possible: no token that may restore is configured';
  return restoreStorage === null ? 'onto the storage of the guest’s own root disk' : `onto ${restoreStorage}`;
}
