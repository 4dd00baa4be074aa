import type { Guest } from '@tacet/protocol';
import { originWords } from '../../model/restore.ts';
import { useQuery } from '@tanstack/react-query';
import { Link } from 'wouter';
import { eventsQuery, operationQuery, operationsQuery } from '../../api/queries.ts';
import { scheduleLines } from '../../model/due.ts';
import { bytesOf } from '../../model/numbers.ts';
import { useNow } from '../../live/now.ts';
import { Answer } from '../../ui/answer.tsx';
import { Ago, At } from '../../ui/moment.tsx';
import { Empty, Panel, Skeleton } from '../../ui/panel.tsx';
import { EventList } from '../events/event-list.tsx';
import { OperationList } from '../operations/operation-list.tsx';
import { BackupTimeline } from './backup-timeline.tsx';
import { Conditions } from './conditions.tsx';
import { History } from './history.tsx';
import { Drills, Proven } from './proofs.tsx';
import { Snapshots } from './snapshots.tsx';
import { Stacks } from './stacks.tsx';
import { Verdict } from './verdict.tsx';

const shown = { operations: 6, events: 12 };

export function GuestBody({ guest }: { guest: Guest }) {
  const { vmid, lastBackup, identity, conditions } = guest;
  return (
    <div className="guest">
      <Panel title="Stacks and services" className="guest-stacks">
        <Stacks guest={guest} />
      </Panel>
      <Panel title="Readiness" className="guest-conditions">
        <Conditions conditions={conditions} />
      </Panel>
      {identity === 'enrolled' && vmid !== null && (
        <>
          <LastBackup guest={guest} />
          {lastBackup !== null && <History vmid={vmid} />}
          <div className="stack">
            <Drills vmid={vmid} />
            <Snapshots vmid={vmid} />
            <GuestOperations vmid={vmid} />
          </div>
          <GuestEvents vmid={vmid} />
        </>
      )}
    </div>
  );
}

const agesMoveEveryMs = 60_000;

/** When it is backed up by itself; what has become of the last turn. */
function Policy({ guest }: { guest: Guest }) {
  const now = useNow(agesMoveEveryMs);
  const lines = scheduleLines(guest, now);
  return (
    <p className="quiet">
      {lines.length === 0 ? 'No schedule of this controller backs it up.' : lines.join(' · ')}
    </p>
  );
}

function LastBackup({ guest }: { guest: Guest }) {
  const { lastBackup } = guest;
  if (lastBackup === null) {
    return (
      <Panel title="Last backup" className="wide">
        <Empty title="This guest was never backed up.">
          <p>
            Back it up now, or add it to a schedule. Backups that this controller did not see are not counted.
          </p>
          <Policy guest={guest} />
        </Empty>
      </Panel>
    );
  }
  const { operationId, verdict, startedAt, sizeBytes, volid, origin, drill } = lastBackup;
  return (
    <Panel
      title="Last backup"
      className="wide"
      aside={<Link href={`/operations/${encodeURIComponent(operationId)}`}>All its steps</Link>}
    >
      <p className="quiet">
        <Ago at={startedAt} />, at <At at={startedAt} />
        {sizeBytes !== null && `, ${bytesOf(sizeBytes)}`}
        {`, ${originWords(origin)}`}
      </p>
      <Policy guest={guest} />
      <Proven drill={drill} />
      <p className="mono quiet volid">{volid}</p>
      <div className="backup">
        <Verdict verdict={verdict} />
        <div>
          <TimelineOf operationId={operationId} verdict={verdict} />
        </div>
      </div>
    </Panel>
  );
}

function TimelineOf({
  operationId,
  verdict,
}: {
  operationId: string;
  verdict: NonNullable<Guest['lastBackup']>['verdict'];
}) {
  const operation = useQuery(operationQuery(operationId));
  return (
    <Answer query={operation} lines={6}>
      {(data) => <BackupTimeline operation={data} verdict={verdict} />}
    </Answer>
  );
}

function GuestOperations({ vmid }: { vmid: number }) {
  const operations = useQuery(operationsQuery);
  return (
    <Panel title="Operations" aside={<Link href="/operations">All</Link>}>
      <Answer query={operations} lines={shown.operations}>
        {(list) => {
          const own = list.filter((one) => one.vmid === vmid || one.restoredTo === vmid);
          return own.length === 0 ? (
            <Empty title="Nothing has been done with it lately." />
          ) : (
            <OperationList operations={own.slice(0, shown.operations)} />
          );
        }}
      </Answer>
    </Panel>
  );
}

function GuestEvents({ vmid }: { vmid: number }) {
  const { data: events } = useQuery(eventsQuery);
  const own = events?.filter((event) => event.vmid === vmid && event.type !== 'operation.step').toReversed();
  return (
    <Panel title="Events" aside={<Link href="/events">All</Link>}>
      {own === undefined && <Skeleton lines={shown.events} />}
      {own?.length === 0 && <Empty title="Nothing has happened in it lately." />}
      {own !== undefined && <EventList events={own.slice(0, shown.events)} withGuest={false} />}
    </Panel>
  );
}
