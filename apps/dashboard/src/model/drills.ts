import type { Drill } from '@tacet/protocol';
import { dateTimeOf, durationOf } from './numbers.ts';
import type { Said } from './state.ts';

/** `restorable, proven 2026-11-22 17:51, ready after 27.3 s` */
export function drillSaid({ outcome, readyAfterMs, finishedAt, startedAt }: Drill): Said {
  const when = dateTimeOf(finishedAt ?? startedAt);
  switch (outcome) {
    case 'proven': {
      const long = readyAfterMs === null ? '' : `, ready after ${durationOf(readyAfterMs)}`;
      return { tone: 'good', words: `restorable, proven ${when}${long}` };
    }
    case 'started':
      return { tone: 'watch', words: `restored and ran on ${when}, nobody could ask whether it was ready` };
    case 'failed':
      return { tone: 'bad', words: `not restorable, tried ${when}` };
    case 'interrupted':
    case null:
      return { tone: 'unknown', words: `has shown nothing, begun ${when}` };
  }
}
