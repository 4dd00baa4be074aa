import { useCallback, useSyncExternalStore } from 'react';

/** The time, in whole steps, so that everything on a page shows the same one and little is drawn anew. */
export function useNow(stepMs = 10_000): number {
  const subscribe = useCallback(
    (changed: () => void) => {
      const timer = setInterval(changed, stepMs);
      return () => clearInterval(timer);
    },
    [stepMs],
  );
  return useSyncExternalStore(subscribe, () => Math.floor(Date.now() / stepMs) * stepMs);
}
