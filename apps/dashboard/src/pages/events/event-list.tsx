import type { StoredEvent } from '@tacet/protocol';
import { Link } from 'wouter';
import { Mark } from '../../ui/mark.tsx';
import { Ago } from '../../ui/moment.tsx';
import { eventTone } from './event-tone.ts';

/** Newest first, as they are given. */
export function EventList({
  events,
  withGuest = true,
}: {
  events: readonly StoredEvent[];
  withGuest?: boolean;
}) {
  return (
    <ol className="events">
      {events.map(({ sequence, at, type, message, vmid, data }) => (
        <li key={sequence} className="event">
          <Mark tone={eventTone({ type, data })} />
          <div>
            <p className="event-words">{message}</p>
            <p className="quiet event-line">
              <Ago at={at} /> · <span className="mono">{type}</span>
              {withGuest && vmid !== null && (
                <>
                  {' · '}
                  <Link href={`/guests/${vmid}`}>guest {vmid}</Link>
                </>
              )}
            </p>
          </div>
        </li>
      ))}
    </ol>
  );
}
