import { useMemo } from 'react';
import { useSearchParams } from 'wouter';
import { type FleetView, shows, sorts } from '../../model/fleet.ts';

/** What of the fleet is shown, and how; kept in the address, so that it can be sent to somebody. */
export function useFleetView(): [FleetView, (view: FleetView) => void] {
  const [params, setParams] = useSearchParams();
  const view = useMemo<FleetView>(
    () => ({
      show: shows.find((one) => one === params.get('show')) ?? 'all',
      sort: sorts.find((one) => one === params.get('sort')) ?? 'attention',
      search: params.get('search') ?? '',
      byNode: params.get('group') === 'node',
    }),
    [params],
  );
  const setView = ({ show, sort, search, byNode }: FleetView): void => {
    const next = new URLSearchParams();
    if (show !== 'all') next.set('show', show);
    if (sort !== 'attention') next.set('sort', sort);
    if (search !== '') next.set('search', search);
    if (byNode) next.set('group', 'node');
    setParams(next, { replace: true });
  };
  return [view, setView];
}
