import type { PostgresMarker, RelationMarker } from '@tacet/protocol';
import {
  type DataComparison,
  type DataDifference,
  type MarkerExtent,
  nothingCompared,
} from './comparison.ts';

/** More are only counted. */
const namedRelations = 3;

export function comparePostgres(
  expected: PostgresMarker,
  found: PostgresMarker,
  extent: MarkerExtent,
): DataComparison {
  if (found.systemIdentifier !== expected.systemIdentifier) {
    if (extent === 'later') return nothingCompared('it is another cluster than at the marker');
    const difference = {
      marker: 'system identifier',
      expected: expected.systemIdentifier,
      found: found.systemIdentifier,
      because: 'this is another cluster: its data directory was lost and created anew, or is not its own',
    };
    return { compared: ['system identifier'], differences: [difference], left: [] };
  }
  const compared = ['system identifier', 'position of the write-ahead log'];
  const differences: DataDifference[] = [];
  if (positionOf(found.position) < positionOf(expected.position)) {
    differences.push({
      marker: 'position of the write-ahead log',
      expected: `at least ${expected.position}`,
      found: found.position,
      because: 'what it had written to its log is missing',
    });
  }
  if (extent === 'hold' && expected.relations.length > 0) {
    compared.push(`${expected.relations.length} relations' pages`);
    differences.push(...lostDatabases(expected, found), ...shortened(expected, found));
  }
  return { compared, differences, left: [] };
}

/** Those that had relations, and have none: nobody can connect to them, or their catalogue is gone. */
function lostDatabases(expected: PostgresMarker, found: PostgresMarker): DataDifference[] {
  const now = new Set(found.relations.map(databaseOf));
  const lost = new Set(expected.relations.map(databaseOf).filter((database) => !now.has(database)));
  return [...lost].map((database) => ({
    marker: `relations of database ${database}`,
    expected: `${expected.relations.filter((relation) => databaseOf(relation) === database).length}`,
    found: 'none',
    because: 'nobody can connect to it, or its catalogue is damaged',
  }));
}

function databaseOf({ name }: RelationMarker): string {
  return name.slice(0, name.indexOf('.'));
}

/**
 * Those whose files are shorter, or have lost content, although nobody wrote them anew or vacuumed them. A file that
 * was cut off can be as long as before: PostgreSQL fills it up with empty pages when it replays its log.
 */
function shortened(expected: PostgresMarker, found: PostgresMarker): DataDifference[] {
  const now = new Map(found.relations.map((relation) => [relation.name, relation]));
  const differences = expected.relations.flatMap((before): DataDifference[] => {
    const { name } = before;
    const after = now.get(name);
    if (!after || after.filenode !== before.filenode || after.noted !== before.noted) return [];
    const because = 'a file of it was cut off or lost, and its rows with it';
    if (after.pages < before.pages) {
      const expected = `at least ${before.pages}`;
      return [{ marker: `pages of ${name}`, expected, found: `${after.pages}`, because }];
    }
    if (before.empty === null || after.empty === null || after.empty <= before.empty) return [];
    const expected = `at most ${before.empty}`;
    return [{ marker: `empty ones of some pages of ${name}`, expected, found: `${after.empty}`, because }];
  });
  const rest = differences.length - namedRelations;
  return differences
    .slice(0, namedRelations)
    .map((difference, index) =>
      index === namedRelations - 1 && rest > 0
        ? { ...difference, because: `${difference.because}; so it is with ${rest} more relations` }
        : difference,
    );
}

/** `16/B374D848` is 64 bits in two halves. */
function positionOf(text: string): bigint {
  const [high = '0', low = '0'] = text.split('/');
  return (BigInt(`0x${high}`) << 32n) | BigInt(`0x${low}`);
}
