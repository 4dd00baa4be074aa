import type { RedisMarker } from '@tacet/protocol';
import {
  type DataComparison,
  type DataDifference,
  type MarkerExtent,
  nothingCompared,
} from './comparison.ts';

/**
 * What a few moments of writing cannot explain. Keys also go by being deleted, which an append-only file tells
 * apart from loss, and a dump does not.
 */
const leastShare = 0.5;

export function compareRedis(
  expected: RedisMarker,
  found: RedisMarker,
  extent: MarkerExtent,
): DataComparison {
  if (extent === 'later') return nothingCompared('its keys come and go: nothing in it never goes back');
  if (expected.persistence === 'none') return nothingCompared('it keeps nothing on disk');
  const compared: string[] = [];
  const differences: DataDifference[] = [];
  if (expected.appendOnlyBytes !== null && found.appendOnlyBytes !== null) {
    compared.push('size of the append-only file');
    // Whoever deleted keys made it longer.
    if (found.appendOnlyBytes >= expected.appendOnlyBytes) return { compared, differences, left: [] };
    differences.push({
      marker: 'size of the append-only file',
      expected: `at least ${expected.appendOnlyBytes} bytes`,
      found: `${found.appendOnlyBytes} bytes`,
      because: 'the file was lost or cut off, and with it every write that stood there',
    });
  }
  const lasting = Object.entries(expected.keys).filter(([, { all, expiring }]) => all > expiring);
  if (lasting.length > 0) compared.push('number of keys');
  for (const [database, { all, expiring }] of lasting) {
    const now = found.keys[database]?.all ?? 0;
    if (now >= (all - expiring) * leastShare) continue;
    differences.push({
      marker: `keys of database ${database}`,
      expected: `about ${all - expiring}`,
      found: `${now}`,
      because: 'its file was lost, or is an old one: far fewer keys were loaded from it',
    });
  }
  return { compared, differences, left: compared.length === 0 ? ['it had no keys that last'] : [] };
}
