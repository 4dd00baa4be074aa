import { useNow } from '../live/now.ts';
import { agoOf, ageOf, dateTimeOf, preciseTimeOf, timeOf } from '../model/numbers.ts';

/** How long ago; the exact moment is there for whoever points at it. */
export function Ago({ at, bare = false }: { at: number; bare?: boolean }) {
  const now = useNow();
  return (
    <time dateTime={new Date(at).toISOString()} title={`${dateTimeOf(at)} (${timeOf(at)})`}>
      {bare ? ageOf(at, now) : agoOf(at, now)}
    </time>
  );
}

export function At({ at, precise = false }: { at: number; precise?: boolean }) {
  return (
    <time dateTime={new Date(at).toISOString()} title={dateTimeOf(at)} className="number">
      {precise ? preciseTimeOf(at) : dateTimeOf(at)}
    </time>
  );
}
