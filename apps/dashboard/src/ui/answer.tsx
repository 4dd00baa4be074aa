import type { UseQueryResult } from '@tanstack/react-query';
import type { ReactNode } from 'react';
import { Skeleton } from './panel.tsx';
import { ProblemNote } from './problem-note.tsx';

interface AnswerProps<Data> {
  readonly query: UseQueryResult<Data>;
  /** How many lines to keep free while it loads. */
  readonly lines: number;
  readonly children: (data: Data) => ReactNode;
}

/** What was asked for, once it is here. An answer that could not be renewed stays, and says so. */
export function Answer<Data>({ query, lines, children }: AnswerProps<Data>) {
  const { data, error, isPending, refetch } = query;
  if (isPending) return <Skeleton lines={lines} />;
  const note = error && <ProblemNote error={error} onRetry={() => void refetch()} />;
  return (
    <>
      {note}
      {data !== undefined && children(data)}
    </>
  );
}
