import type { DataMarker } from '@tacet/protocol';

/** The gist of a marker, for people. */
export function describeMarker(marker: DataMarker): string {
  switch (marker.engine) {
    case 'postgres':
      return `cluster ${marker.systemIdentifier} at ${marker.position}`;
    case 'mariadb':
    case 'mysql':
      return marker.position === null ? 'no position' : `InnoDB's log at ${marker.position}`;
    case 'redis': {
      const keys = Object.values(marker.keys).reduce((sum, { all }) => sum + all, 0);
      return `${keys} keys`;
    }
    case 'sqlite':
      return marker.databases.map(({ name, pages }) => `${name} with ${pages ?? 0} pages`).join(', ');
  }
}
