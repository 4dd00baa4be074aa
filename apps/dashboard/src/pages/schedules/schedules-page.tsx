import { type ScheduleRun, type ScheduleView, scheduleViewSchema, startedRunsSchema } from '@tacet/protocol';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { Link } from 'wouter';
import { scheduleRunsQuery, schedulesQuery } from '../../api/queries.ts';
import { useChange, useMay } from '../../api/session.ts';
import { usePollMs } from '../../live/live.tsx';
import { dateTimeOf, plural } from '../../model/numbers.ts';
import type { Tone } from '../../model/state.ts';
import { selectorWords } from '../../model/selector.ts';
import { Answer } from '../../ui/answer.tsx';
import { Mark } from '../../ui/mark.tsx';
import { Ago } from '../../ui/moment.tsx';
import { PageHead } from '../../ui/page-head.tsx';
import { Empty, Panel } from '../../ui/panel.tsx';
import { ProblemNote } from '../../ui/problem-note.tsx';
import { Remove } from '../access/accounts.tsx';
import { NewSchedule } from './new-schedule.tsx';

export function SchedulesPage() {
  const schedules = useQuery({ ...schedulesQuery, refetchInterval: usePollMs() });
  const mayChange = useMay('operator');
  const [isMaking, setMaking] = useState(false);
  const make = (
    <button type="button" className="button button-main" onClick={() => setMaking(true)}>
      New schedule
    </button>
  );
  return (
    <>
      <PageHead title="Schedules" actions={mayChange && make}>
        Which guests are backed up when, and how
      </PageHead>
      <Answer query={schedules} lines={6}>
        {(list) =>
          list.length === 0 ? (
            <Empty title="Nothing is backed up by itself.">
              <p>A schedule backs up the guests that it selects, and says what came of each.</p>
            </Empty>
          ) : (
            <div className="guest">
              {list.map((view) => (
                <Schedule key={view.schedule.name} view={view} mayChange={mayChange} />
              ))}
            </div>
          )
        }
      </Answer>
      {isMaking && <NewSchedule onClose={() => setMaking(false)} />}
    </>
  );
}

function Schedule({ view, mayChange }: { view: ScheduleView; mayChange: boolean }) {
  const { schedule, when, nextAt, queued, started, version } = view;
  const { name, action, enabled, guests } = schedule;
  const client = useQueryClient();
  const [isRemoving, setRemoving] = useState(false);
  const runs = useQuery({ ...scheduleRunsQuery(name), refetchInterval: usePollMs() });
  const refresh = async (): Promise<void> => {
    await client.invalidateQueries({ queryKey: schedulesQuery.queryKey });
    await client.invalidateQueries({ queryKey: scheduleRunsQuery(name).queryKey });
  };
  const change = useChange(scheduleViewSchema, refresh);
  const run = useChange(startedRunsSchema, refresh);
  const underWay = queued + started;
  return (
    <Panel title={name} aside={<span className="quiet">{enabled ? '' : 'disabled'}</span>}>
      <p>
        {action === 'drill' && `Drills ${plural(schedule.perRun ?? 1, 'guest')} each time: `}
        {when}, {selectorWords(guests)}
      </p>
      <p className="quiet">
        {nextAt === null ? 'It comes no more.' : `Next on ${dateTimeOf(nextAt)}.`}
        {underWay > 0 && ` ${plural(underWay, 'run')} under way.`}
      </p>
      {mayChange && (
        <div className="actions panel-actions">
          <button
            type="button"
            className="button"
            disabled={run.isPending}
            onClick={() => run.mutate({ path: `/schedules/${name}/runs`, body: {} })}
          >
            Run now
          </button>
          <button
            type="button"
            className="button"
            disabled={change.isPending}
            onClick={() =>
              change.mutate({
                method: 'PUT',
                path: `/schedules/${name}?version=${version}`,
                body: { ...schedule, enabled: !enabled },
              })
            }
          >
            {enabled ? 'Disable' : 'Enable'}
          </button>
          <button type="button" className="button" onClick={() => setRemoving(true)}>
            Remove…
          </button>
        </div>
      )}
      {run.isError && <ProblemNote error={run.error} />}
      {change.isError && <ProblemNote error={change.error} />}
      <Answer query={runs} lines={3}>
        {(list) => (list.length === 0 ? <Empty title="No run yet." /> : <Runs runs={list} />)}
      </Answer>
      {isRemoving && (
        <Remove
          title={`Remove the schedule ${name}`}
          words={
            action === 'drill'
              ? 'Its guests are no longer drilled by it. Drills that are under way go on.'
              : 'Its guests are no longer backed up by it. Backups that are under way go on, and those that it made stay.'
          }
          path={`/schedules/${name}`}
          queryKey={schedulesQuery.queryKey}
          onClose={() => setRemoving(false)}
        />
      )}
    </Panel>
  );
}

const tones: Record<ScheduleRun['state'], Tone> = {
  queued: 'unknown',
  started: 'busy',
  succeeded: 'good',
  failed: 'bad',
  missed: 'watch',
};

function Runs({ runs }: { runs: readonly ScheduleRun[] }) {
  return (
    <ol className="events">
      {runs.map(({ id, action, vmid, state, dueAt, message, operationId }) => (
        <li key={id} className="event">
          <Mark tone={tones[state]} />
          <div>
            <p>
              <Link href={`/guests/${vmid}`}>Guest {vmid}</Link>: {state}
              {operationId !== null && (
                <>
                  , see <Link href={`/operations/${encodeURIComponent(operationId)}`}>its {action}</Link>
                </>
              )}
            </p>
            <p className="quiet event-line">
              due <Ago at={dueAt} />
              {message !== null && ` · ${message}`}
            </p>
          </div>
        </li>
      ))}
    </ol>
  );
}
