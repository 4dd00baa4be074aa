import type { Operation } from '@tacet/protocol';
import { useQuery } from '@tanstack/react-query';
import { Link, useParams } from 'wouter';
import { operationQuery } from '../../api/queries.ts';
import { useLiveness } from '../../live/live.tsx';
import { durationOf } from '../../model/numbers.ts';
import { operationSaid, operationTitle } from '../../model/operations.ts';
import { isTrouble, stepTitle } from '../../model/timeline.ts';
import { Answer } from '../../ui/answer.tsx';
import { Mark, Say } from '../../ui/mark.tsx';
import { At } from '../../ui/moment.tsx';
import { PageHead } from '../../ui/page-head.tsx';
import { Panel } from '../../ui/panel.tsx';
import { Verdict } from '../guest/verdict.tsx';
import { BackupTimeline } from '../guest/backup-timeline.tsx';
import { CancelButton } from './cancel-dialog.tsx';

const pollMs = { live: 5_000, stale: 1_000 };

export function OperationPage() {
  const { id } = useParams<{ id: string }>();
  const isLive = useLiveness().kind === 'live';
  const operation = useQuery({
    ...operationQuery(decodeURIComponent(id)),
    refetchInterval: ({ state }) =>
      state.data?.state === 'running' ? (isLive ? pollMs.live : pollMs.stale) : false,
  });
  if (operation.data === undefined) {
    return (
      <>
        <PageHead title="Operation" />
        <Answer query={operation} lines={8}>
          {() => null}
        </Answer>
      </>
    );
  }
  return <TheOperation operation={operation.data} />;
}

function TheOperation({ operation }: { operation: Operation }) {
  const { vmid, startedAt, finishedAt, error, backup, restoredTo, state } = operation;
  const said = operationSaid(operation);
  return (
    <>
      <PageHead title={operationTitle(operation)} actions={<CancelButton operation={operation} />}>
        <span role="status">
          <Say
            said={{
              ...said,
              words:
                finishedAt === null ? said.words : `${said.words} in ${durationOf(finishedAt - startedAt)}`,
            }}
          />
        </span>{' '}
        · begun <At at={startedAt} /> · <Link href={`/guests/${vmid}`}>guest {vmid}</Link>
        {restoredTo !== null && restoredTo !== vmid && (
          <>
            {' · '}
            <Link href={`/guests/${restoredTo}`}>guest {restoredTo}</Link>
          </>
        )}
      </PageHead>
      {error !== null && (
        <div className={error.code === 'cancelled' ? 'note' : 'note note-bad'}>
          <Mark tone={said.tone} />
          <div>
            <p>{error.message}</p>
            {error.hint !== undefined && <p className="quiet">{error.hint}</p>}
          </div>
        </div>
      )}
      <div className="columns">
        <Panel title="Steps">
          <ol className="steps">
            {operation.steps.map((step, index) => (
              <li key={`${step.at} ${index}`} className="step">
                <Mark tone={isTrouble(step) ? 'watch' : 'good'} />
                <div>
                  <p className="step-head">
                    <strong>{stepTitle(step)}</strong>
                    <span className="quiet number">after {durationOf(step.at - startedAt)}</span>
                  </p>
                  <p className="step-words">{step.message}</p>
                </div>
              </li>
            ))}
            {state === 'running' && (
              <li className="step">
                <Mark tone="busy" />
                <p className="quiet">Goes on. This page follows it; nothing is lost when it is closed.</p>
              </li>
            )}
          </ol>
        </Panel>
        {backup !== null && (
          <div className="stack">
            <Panel title="Verdict">
              <Verdict verdict={backup.verdict} />
            </Panel>
            <Panel title="Where the time went">
              <BackupTimeline operation={operation} verdict={backup.verdict} />
            </Panel>
          </div>
        )}
      </div>
    </>
  );
}
