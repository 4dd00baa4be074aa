import { hasCompleted } from '../dependencies.ts';
import type { HealCheck } from '../situation.ts';

/** A job that ran when the manifest was taken is run again, once. */
export const completed: HealCheck = ({ container, isOneShot, takenAt }) =>
  container && (isOneShot || container.restartPolicy === 'on-failure') && hasCompleted(container, takenAt)
    ? { kind: 'settled' }
    : undefined;
