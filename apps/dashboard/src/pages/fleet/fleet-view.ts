import { useMemo } from 'react';
import { useSearchParams } from 'wouter';
import { type FleetView, groups, shows, sorts } from '../../model/fleet.ts';

/** What of the fleet is shown, and how; kept in the address, so that it can be sent to somebody. */
export function useFleetView(): [FleetView, (view: FleetView) => void] {
  const [params, setParams] = useSearchParams();
  const view = useMemo<FleetView>(
    () => ({
      show: shows.find((one) => one === params.get('show')) ?? 'all',
      sort: sorts.find((one) => one === params.get('sort')) ?? 'attention',
      search: params.get('search') ?? '',
      group: groups.find((one) => one === params.get('group')) ?? 'none',
    }),
    [params],
  );
  const setView = ({ show, sort, search, group }: FleetView): void => {
    const next = new URLSearchParams();
    if (show !== 'all') next.set('show', show);
    if (sort !== 'attention') next.set('sort', sort);
    if (search !== '') next.set('search', search);
    if (group !== 'none') next.set('group', group);
    setParams(next, { replace: true });
  };
  return [view, setView];
}
