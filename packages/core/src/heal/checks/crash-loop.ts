import type { HealCheck } from '../situation.ts';

/** The engine's own pauses have grown to a minute by then. */
const giveUpAfterMs = 10 * 60_000;

/** The engine starts it again by itself, ever more slowly. Only heal stops waiting for it. */
export const crashLoop: HealCheck = ({ container, awaited }) => {
  if (container?.state === 'removing') return { kind: 'wait', because: 'the engine is removing it' };
  if (container?.state !== 'restarting') return undefined;
  const { restartCount, exitCode } = container;
  const why = awaited ? ` (${awaited.because})` : '';
  return {
    kind: 'wait',
    because: `it ends with exit code ${exitCode} again and again: the engine has restarted it ${restartCount} times${why}`,
    giveUpAfterMs,
  };
};
