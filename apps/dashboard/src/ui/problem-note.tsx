import { ApiProblem } from '../api/problem.ts';
import { Mark } from './mark.tsx';

/** What went wrong, and what to do about it. */
export function ProblemNote({ error, onRetry }: { error: unknown; onRetry?: () => void }) {
  const message = error instanceof Error ? error.message : String(error);
  const hint = error instanceof ApiProblem ? error.hint : null;
  return (
    <div className="note note-bad" role="alert">
      <Mark tone="bad" />
      <div>
        <p>{message}</p>
        {hint !== null && <p className="quiet">{hint}</p>}
      </div>
      {onRetry !== undefined && (
        <button type="button" className="button" onClick={onRetry}>
          Try again
        </button>
      )}
    </div>
  );
}
