import { useQuery } from '@tanstack/react-query';
import { Link } from 'wouter';
import { operationsQuery } from '../../api/queries.ts';
import { operationTitle, runningOn } from '../../model/operations.ts';
import { stepTitle } from '../../model/timeline.ts';
import { Mark } from '../../ui/mark.tsx';
import { CancelButton } from '../operations/cancel-dialog.tsx';

/** What goes on with a guest right now, how far it is, and the way to stop it. */
export function Running({ vmid }: { vmid: number }) {
  const { data: operations } = useQuery(operationsQuery);
  const running = runningOn(vmid, operations ?? []);
  return (
    <div role="status" aria-label="Under way" className={running.length === 0 ? undefined : 'concerns'}>
      {running.map((operation) => {
        const last = operation.steps.at(-1);
        return (
          <div key={operation.id} className="note">
            <Mark tone="busy" />
            <div>
              <p>
                <Link href={`/operations/${encodeURIComponent(operation.id)}`}>
                  {operationTitle(operation)}
                </Link>{' '}
                goes on
              </p>
              {last !== undefined && (
                <p className="quiet">
                  {stepTitle(last)}: {last.message}
                </p>
              )}
            </div>
            <CancelButton operation={operation} />
          </div>
        );
      })}
    </div>
  );
}
