import type { Guest } from '@tacet/protocol';
import { useQuery } from '@tanstack/react-query';
import { useDeferredValue, useMemo, useState } from 'react';
import { guestsQuery, operationsQuery } from '../../api/queries.ts';
import { useMay } from '../../api/session.ts';
import { usePollMs } from '../../live/live.tsx';
import { useNow } from '../../live/now.ts';
import { type FleetRow, fleetItems, fleetRow, selectRows, summariseFleet } from '../../model/fleet.ts';
import { plural } from '../../model/numbers.ts';
import { Answer } from '../../ui/answer.tsx';
import { PageHead } from '../../ui/page-head.tsx';
import { Empty } from '../../ui/panel.tsx';
import { EnrolDialog } from '../guest/enrol-dialog.tsx';
import { FleetAnswers, headline } from './fleet-answers.tsx';
import { FleetTable } from './fleet-table.tsx';
import { FleetTools } from './fleet-tools.tsx';
import { useFleetView } from './fleet-view.ts';
import { RightNow } from './right-now.tsx';

const agesMoveEveryMs = 60_000;

export function FleetPage() {
  const refetchInterval = usePollMs();
  const guests = useQuery({ ...guestsQuery, refetchInterval });
  const { data: operations } = useQuery({ ...operationsQuery, refetchInterval });
  const now = useNow(agesMoveEveryMs);
  const rows = useRows(guests.data, now);
  const summary = useMemo(() => summariseFleet(rows, operations ?? []), [rows, operations]);
  const [isEnrolling, setEnrolling] = useState(false);
  const mayEnrol = useMay('operator');
  const enrol = (
    <button type="button" className="button" onClick={() => setEnrolling(true)}>
      Enrol a guest
    </button>
  );
  return (
    <div className="fleet">
      <PageHead
        title="Fleet"
        heading={guests.data === undefined ? 'Fleet' : headline(summary)}
        actions={mayEnrol && rows.length > 0 ? enrol : undefined}
      >
        {rows.length === 0 ? 'What runs, and what it is backed up to' : fleetLine(summary.total, rows)}
      </PageHead>
      <Answer query={guests} lines={12}>
        {() =>
          rows.length === 0 ? (
            <Empty title="No guest is enrolled yet.">
              <p>Enrol the first one: it takes one command, which you paste in the guest.</p>
              {mayEnrol ? enrol : <p className="quiet">Somebody with the role operator can do that.</p>}
            </Empty>
          ) : (
            <>
              <FleetAnswers summary={summary} />
              <div className="fleet-columns">
                <Guests rows={rows} />
                <RightNow operations={operations} />
              </div>
            </>
          )
        }
      </Answer>
      {isEnrolling && <EnrolDialog onClose={() => setEnrolling(false)} />}
    </div>
  );
}

/** A row is made anew only where its guest has changed, or a minute has passed. */
function useRows(guests: readonly Guest[] | undefined, now: number): readonly FleetRow[] {
  const cache = useMemo(() => ({ now, rows: new WeakMap<Guest, FleetRow>() }), [now]);
  return useMemo(
    () =>
      (guests ?? []).map((guest) => {
        const row = cache.rows.get(guest) ?? fleetRow(guest, cache.now);
        cache.rows.set(guest, row);
        return row;
      }),
    [guests, cache],
  );
}

function fleetLine(total: number, rows: readonly FleetRow[]): string {
  const simulated = rows.filter(({ guest }) => guest.simulated).length;
  const words = plural(total, 'guest');
  if (simulated === 0) return words;
  return simulated === rows.length ? `${words}, all simulated` : `${words}, ${simulated} simulated`;
}

function Guests({ rows }: { rows: readonly FleetRow[] }) {
  const [view, setView] = useFleetView();
  const asked = useDeferredValue(view);
  const selected = useMemo(() => selectRows(rows, asked), [rows, asked]);
  const items = useMemo(() => fleetItems(selected, asked.group), [selected, asked.group]);
  return (
    <section aria-label="Guests" className="fleet-guests">
      <FleetTools view={view} onView={setView} shown={selected.length} total={rows.length} />
      {selected.length === 0 ? (
        <Empty title="No guest is like that.">
          <button
            type="button"
            className="button"
            onClick={() => setView({ ...view, show: 'all', search: '' })}
          >
            Show all guests
          </button>
        </Empty>
      ) : (
        <FleetTable items={items} sort={view.sort} onSort={(sort) => setView({ ...view, sort })} />
      )}
    </section>
  );
}
