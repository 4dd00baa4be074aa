import type { QuiesceRecord } from '../journal/schemas.ts';

/** What the journal said when the agent started. */
export type Recovery =
  | { kind: 'nothing-owed' }
  /** `sameBoot` false: the guest crashed while held, or this is a restored copy. */
  | { kind: 'thawing'; record: QuiesceRecord; sameBoot: boolean }
  | { kind: 'unreadable'; message: string };
