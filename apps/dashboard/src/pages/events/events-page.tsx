import { useQuery } from '@tanstack/react-query';
import { useDeferredValue, useMemo, useState } from 'react';
import { eventsKept, eventsQuery } from '../../api/queries.ts';
import { usePollMs } from '../../live/live.tsx';
import { Answer } from '../../ui/answer.tsx';
import { PageHead } from '../../ui/page-head.tsx';
import { Empty } from '../../ui/panel.tsx';
import { EventList } from './event-list.tsx';

const shownAtFirst = 100;

export function EventsPage() {
  const events = useQuery({ ...eventsQuery, refetchInterval: usePollMs() });
  const [search, setSearch] = useState('');
  const [kind, setKind] = useState('');
  const [shown, setShown] = useState(shownAtFirst);
  const asked = useDeferredValue(search);
  const kinds = useMemo(
    () => [...new Set((events.data ?? []).map(({ type }) => type.split('.')[0] ?? ''))].toSorted(),
    [events.data],
  );
  const selected = useMemo(() => {
    const words = asked.toLowerCase().split(/\s+/).filter(Boolean);
    return (events.data ?? [])
      .filter(({ type, message, vmid }) => {
        const text = `${type} ${message} ${vmid ?? ''}`.toLowerCase();
        return type.startsWith(kind) && words.every((word) => text.includes(word));
      })
      .toReversed();
  }, [events.data, asked, kind]);
  return (
    <>
      <PageHead title="Events">What happened, newest first; the last {eventsKept} are here</PageHead>
      <search className="tools">
        <label className="tool tool-search">
          <span>Search</span>
          <input
            type="search"
            value={search}
            placeholder="Words, a VMID"
            onChange={({ target }) => setSearch(target.value)}
          />
        </label>
        <label className="tool">
          <span>Kind</span>
          <select value={kind} onChange={({ target }) => setKind(target.value)}>
            <option value="">All</option>
            {kinds.map((one) => (
              <option key={one} value={one}>
                {one}
              </option>
            ))}
          </select>
        </label>
      </search>
      <Answer query={events} lines={12}>
        {(all) => (
          <>
            {selected.length === 0 && (
              <Empty title={all.length === 0 ? 'Nothing has happened yet.' : 'No event is like that.'} />
            )}
            <EventList events={selected.slice(0, shown)} />
            {selected.length > shown && (
              <button type="button" className="button" onClick={() => setShown(shown + shownAtFirst)}>
                Show {Math.min(shownAtFirst, selected.length - shown)} more
              </button>
            )}
          </>
        )}
      </Answer>
    </>
  );
}
