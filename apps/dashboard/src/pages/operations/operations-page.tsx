import { useQuery } from '@tanstack/react-query';
import { operationsQuery } from '../../api/queries.ts';
import { usePollMs } from '../../live/live.tsx';
import { Answer } from '../../ui/answer.tsx';
import { PageHead } from '../../ui/page-head.tsx';
import { Empty } from '../../ui/panel.tsx';
import { OperationList } from './operation-list.tsx';

export function OperationsPage() {
  const operations = useQuery({ ...operationsQuery, refetchInterval: usePollMs() });
  return (
    <>
      <PageHead title="Operations">Backups, restores and all else that was asked for, newest first</PageHead>
      <Answer query={operations} lines={10}>
        {(list) =>
          list.length === 0 ? (
            <Empty title="Nothing has been done yet.">
              <p>A backup or a restore begins on the page of its guest.</p>
            </Empty>
          ) : (
            <OperationList operations={list} />
          )
        }
      </Answer>
    </>
  );
}
