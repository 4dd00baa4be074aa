import type { Operation, ThawResult } from '@tacet/protocol';
import { plural } from './numbers.ts';

/** What a thaw now costs, before it is done. */
export function thawWarning(running: readonly Operation[]): string {
  const held = running.find(({ kind }) => kind === 'backup' || kind === 'snapshot');
  if (held !== undefined) {
    return `A ${held.kind} of it runs. If its snapshot is not there yet, that ${held.kind} goes on and will be crash-consistent, like plain vzdump.`;
  }
  return 'If somebody else is just backing it up, that backup will be crash-consistent, like plain vzdump.';
}

/** What came of it. */
export function thawWords({ releasedBy, thawed, services, failures }: ThawResult): string {
  if (!thawed) {
    const what = failures.map(({ stack, service, message }) => `${stack}/${service}: ${message}`).join('; ');
    return `Not everything is thawed yet, and its agent goes on trying: ${what}`;
  }
  if (releasedBy === null) return 'Nothing was held.';
  return `${plural(services.length, 'service')} ${services.length === 1 ? 'goes' : 'go'} on.`;
}
