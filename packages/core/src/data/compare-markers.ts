import type { DataMarker } from '@tacet/protocol';
import { type DataComparison, type MarkerExtent, nothingCompared } from './comparison.ts';
import { compareMariaDb } from './mariadb-comparison.ts';
import { comparePostgres } from './postgres-comparison.ts';
import { compareRedis } from './redis-comparison.ts';
import { compareSqlite } from './sqlite-comparison.ts';

/** What a database says of itself now, against its marker. What is ahead of it is as it should be. */
export function compareMarkers(
  expected: DataMarker,
  found: DataMarker,
  extent: MarkerExtent,
): DataComparison {
  switch (expected.engine) {
    case 'postgres':
      if (found.engine === 'postgres') return comparePostgres(expected, found, extent);
      break;
    case 'mariadb':
    case 'mysql':
      if (found.engine === expected.engine) return compareMariaDb(expected, found, extent);
      break;
    case 'redis':
      if (found.engine === 'redis') return compareRedis(expected, found, extent);
      break;
    case 'sqlite':
      if (found.engine === 'sqlite') return compareSqlite(expected, found, extent);
  }
  return nothingCompared(`it was ${expected.engine} at the marker, and is ${found.engine}`);
}
