import type { MariaDbMarker } from '@tacet/protocol';
import {
  type DataComparison,
  type DataDifference,
  type MarkerExtent,
  nothingCompared,
} from './comparison.ts';

export function compareMariaDb(
  expected: MariaDbMarker,
  found: MariaDbMarker,
  extent: MarkerExtent,
): DataComparison {
  const compared: string[] = [];
  const differences: DataDifference[] = [];
  if (expected.serverUuid !== null && found.serverUuid !== null) {
    if (expected.serverUuid !== found.serverUuid && extent === 'later') {
      return nothingCompared('its server_uuid is another one than at the marker');
    }
    compared.push('server_uuid');
    if (expected.serverUuid !== found.serverUuid) {
      differences.push({
        marker: 'server_uuid',
        expected: expected.serverUuid,
        found: found.serverUuid,
        because: 'its data directory was lost and created anew, or is not its own',
      });
    }
  }
  const isBehind = (marker: string, before: string, after: string, because: string): void => {
    differences.push({ marker, expected: `at least ${before}`, found: after, because });
  };
  if (expected.position !== null && found.position !== null) {
    compared.push("position of InnoDB's log");
    if (BigInt(found.position) < BigInt(expected.position)) {
      const because = 'what InnoDB had written to its log is missing';
      isBehind("position of InnoDB's log", expected.position, found.position, because);
    }
  }
  // RESET MASTER begins them again, in a guest that lived on.
  if (extent === 'later' && compared.length > 0) return { compared, differences, left: [] };
  if (expected.binaryLog !== null) {
    compared.push('position of the binary log');
    const { file, position } = expected.binaryLog;
    if (found.binaryLog === null || isBefore(found.binaryLog, expected.binaryLog)) {
      const now = found.binaryLog ? `${found.binaryLog.file}:${found.binaryLog.position}` : 'no binary log';
      isBehind(
        'position of the binary log',
        `${file}:${position}`,
        now,
        'a part of its binary log is missing',
      );
    }
  }
  if (expected.gtid !== null && expected.gtid !== '') {
    compared.push('GTID');
    if (lacksGtid(expected.gtid, found.gtid ?? '')) {
      isBehind('GTID', expected.gtid, found.gtid || 'none', 'transactions that it had written are missing');
    }
  }
  return { compared, differences, left: compared.length === 0 ? ['it names no position'] : [] };
}

type BinaryLog = NonNullable<MariaDbMarker['binaryLog']>;

/** `mariadb-bin.000012`; of another name nobody can tell. */
function isBefore(one: BinaryLog, other: BinaryLog): boolean {
  const [name, number] = splitName(one.file);
  const [otherName, otherNumber] = splitName(other.file);
  if (name !== otherName) return false;
  return number === otherNumber ? one.position < other.position : number < otherNumber;
}

function splitName(file: string): [string, number] {
  const dot = file.lastIndexOf('.');
  return [file.slice(0, dot), Number(file.slice(dot + 1))];
}

/** MariaDB's, `domain-server-sequence`: a domain never goes back. */
function lacksGtid(expected: string, found: string): boolean {
  const now = sequences(found);
  return [...sequences(expected)].some(([domain, sequence]) => (now.get(domain) ?? -1n) < sequence);
}

function sequences(gtid: string): Map<string, bigint> {
  return new Map(
    gtid.split(',').flatMap((entry) => {
      const [, domain, sequence] = /^\s*(\d+)-\d+-(\d+)\s*$/.exec(entry) ?? [];
      return domain === undefined || sequence === undefined ? [] : [[domain, BigInt(sequence)] as const];
    }),
  );
}
