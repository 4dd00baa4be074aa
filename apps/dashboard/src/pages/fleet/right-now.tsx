import type { Operation } from '@tacet/protocol';
import { useQuery } from '@tanstack/react-query';
import { Link } from 'wouter';
import { eventsQuery } from '../../api/queries.ts';
import { Empty, Panel, Skeleton } from '../../ui/panel.tsx';
import { EventList } from '../events/event-list.tsx';
import { OperationList } from '../operations/operation-list.tsx';

const operationsShown = 5;
const eventsShown = 8;

/** What goes on, and what went on last. Beside the guests where there is room for it. */
export function RightNow({ operations }: { operations: readonly Operation[] | undefined }) {
  const { data } = useQuery(eventsQuery);
  // Every step is on the page of its operation.
  const events = data?.filter(({ type }) => !type.endsWith('.step'));
  return (
    <aside className="right-now" aria-label="Right now">
      <Panel title="Latest operations" aside={<Link href="/operations">All</Link>}>
        {operations === undefined && <Skeleton lines={operationsShown} />}
        {operations?.length === 0 && <Empty title="Nothing has been done yet." />}
        {operations !== undefined && <OperationList operations={operations.slice(0, operationsShown)} />}
      </Panel>
      <Panel title="Latest events" aside={<Link href="/events">All</Link>}>
        {events === undefined && <Skeleton lines={eventsShown} />}
        {events?.length === 0 && <Empty title="Nothing has happened yet." />}
        {events !== undefined && <EventList events={events.slice(-eventsShown).toReversed()} />}
      </Panel>
    </aside>
  );
}
