import type { Backup, Drill } from '@tacet/protocol';
import { useQuery } from '@tanstack/react-query';
import { Link } from 'wouter';
import { backupsQuery } from '../../api/queries.ts';
import { drillSaid } from '../../model/drills.ts';
import { dateTimeOf } from '../../model/numbers.ts';
import { Answer } from '../../ui/answer.tsx';
import { Mark, Say } from '../../ui/mark.tsx';
import { Ago } from '../../ui/moment.tsx';
import { Empty, Panel } from '../../ui/panel.tsx';

/** Whether a backup would come back: nobody knows before it has. */
export function Proven({ drill }: { drill: Drill | undefined }) {
  if (drill?.outcome == null) {
    return <p className="quiet">No drill has proven yet that it comes back.</p>;
  }
  return (
    <p>
      <Say said={drillSaid(drill)} />{' '}
      {drill.outcome !== 'proven' && <span className="quiet">{drill.message}</span>}
    </p>
  );
}

/** What drills have shown of this guest's backups, newest first. */
export function Drills({ vmid }: { vmid: number }) {
  const backups = useQuery(backupsQuery(vmid));
  return (
    <Panel title="Drills">
      <Answer query={backups} lines={3}>
        {(list) => {
          const drilled = list
            .filter((one): one is Backup & { drill: Drill } => one.drill !== undefined)
            .toSorted((a, b) => b.drill.startedAt - a.drill.startedAt);
          return drilled.length === 0 ? (
            <Empty title="No backup was drilled yet.">
              <p>
                A drill restores one into a scratch guest, sees whether it becomes ready, and destroys it
                again.
              </p>
            </Empty>
          ) : (
            <ol className="operations">
              {drilled.map(({ id, finishedAt, drill }) => (
                <Drilled key={id} backedUpAt={finishedAt} drill={drill} />
              ))}
            </ol>
          );
        }}
      </Answer>
    </Panel>
  );
}

function Drilled({ drill, backedUpAt }: { drill: Drill; backedUpAt: number }) {
  const { tone, words } = drillSaid(drill);
  return (
    <li className="operation">
      <Mark tone={tone} />
      <div>
        <p>
          <Link href={`/operations/${encodeURIComponent(drill.operationId)}`} className="row-link">
            {words}
          </Link>
        </p>
        <p className="quiet operation-line">
          the backup of {dateTimeOf(backedUpAt)} · <Ago at={drill.finishedAt ?? drill.startedAt} />
        </p>
      </div>
    </li>
  );
}
