import type { SqliteMarker } from '@tacet/protocol';
import type { DataComparison, DataDifference, MarkerExtent } from './comparison.ts';

type Database = SqliteMarker['databases'][number];

export function compareSqlite(
  expected: SqliteMarker,
  found: SqliteMarker,
  extent: MarkerExtent,
): DataComparison {
  const now = new Map(found.databases.map((database) => [database.path, database]));
  const differences = expected.databases.flatMap((before) => {
    const after = now.get(before.path);
    return after ? differencesOf(before, after, extent) : [];
  });
  const seen = expected.databases.filter(({ path }) => now.has(path));
  const checked = seen.filter(({ path }) => typeof now.get(path)?.check === 'string').length;
  const compared = [
    ...(extent === 'hold' && seen.length > 0 ? [`pages of ${seen.length} databases`] : []),
    ...(checked > 0 ? [`quick_check of ${checked} databases`] : []),
  ];
  const unchecked = seen.filter(({ path }) => now.get(path)?.check === null && now.get(path)?.pages !== null);
  const left = [
    ...expected.databases.filter(({ path }) => !now.has(path)).map(({ name }) => `${name}: not looked at`),
    ...unchecked.map(({ name }) => `${name}: too big for quick_check`),
  ];
  return { compared, differences, left };
}

function differencesOf(before: Database, after: Database, extent: MarkerExtent): DataDifference[] {
  const marker = `pages of ${before.name}`;
  if (after.pages === null && after.check === null) {
    // Whoever lived on may have deleted it.
    if (extent === 'later' || before.pages === null) return [];
    return [
      {
        marker,
        expected: `${before.pages}`,
        found: 'no file, or an empty one',
        because: 'the database is gone',
      },
    ];
  }
  const isShort =
    extent === 'hold' && !before.shrinks && after.pages !== null && after.pages < (before.pages ?? 0);
  const isUnsound = after.check !== null && after.check !== 'ok';
  const was = before.check !== null && before.check !== 'ok' ? '; it was so before the copy was made' : '';
  return [
    ...(isShort
      ? [
          {
            marker,
            expected: `at least ${before.pages}`,
            found: `${after.pages}`,
            because: 'its file was cut off, or was made anew',
          },
        ]
      : []),
    ...(isUnsound
      ? [
          {
            marker: `quick_check of ${before.name}`,
            expected: 'ok',
            found: after.check ?? '',
            because: `the file contradicts itself${was}`,
          },
        ]
      : []),
  ];
}
