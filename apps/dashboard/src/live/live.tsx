import { useQueryClient } from '@tanstack/react-query';
import { createContext, type ReactNode, useContext, useEffect, useState } from 'react';
import { followEvents, type Liveness } from './live-events.ts';

const LivenessContext = createContext<Liveness>({ kind: 'connecting' });

/** Keeps everything below it up to date, and says whether it is. */
export function Live({ children }: { children: ReactNode }) {
  const client = useQueryClient();
  const [liveness, setLiveness] = useState<Liveness>({ kind: 'connecting' });
  useEffect(() => followEvents(client, setLiveness), [client]);
  return <LivenessContext value={liveness}>{children}</LivenessContext>;
}

export function useLiveness(): Liveness {
  return useContext(LivenessContext);
}

const pollWhileStaleMs = 10_000;
const pollWhileLiveMs = 60_000;

/** How often to ask without being told to: agents change what no event tells, and the stream may be down. */
export function usePollMs(): number {
  return useLiveness().kind === 'live' ? pollWhileLiveMs : pollWhileStaleMs;
}
