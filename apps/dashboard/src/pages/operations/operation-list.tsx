import type { Operation } from '@tacet/protocol';
import { Link } from 'wouter';
import { operationSaid, operationTitle } from '../../model/operations.ts';
import { durationOf } from '../../model/numbers.ts';
import { consistencySaid } from '../../model/verdict.ts';
import { Mark, Say } from '../../ui/mark.tsx';
import { Ago } from '../../ui/moment.tsx';

/** Newest first, as they are given. */
export function OperationList({ operations }: { operations: readonly Operation[] }) {
  return (
    <ol className="operations">
      {operations.map((operation) => {
        const { id, startedAt, finishedAt, backup, steps, error } = operation;
        const said = operationSaid(operation);
        const last = error?.message ?? steps.at(-1)?.message;
        return (
          <li key={id} className="operation">
            <Mark tone={said.tone} />
            <div>
              <p>
                <Link href={`/operations/${encodeURIComponent(id)}`} className="row-link">
                  {operationTitle(operation)}
                </Link>
              </p>
              <p className="quiet operation-line">
                {said.words}
                {finishedAt !== null && ` in ${durationOf(finishedAt - startedAt)}`} · <Ago at={startedAt} />
                {finishedAt === null && last !== undefined && ` · ${last}`}
              </p>
            </div>
            {backup !== null && <Say said={consistencySaid(backup.verdict.consistency)} />}
          </li>
        );
      })}
    </ol>
  );
}
