import type { Exchange } from './fixtures.ts';

interface NotCovered {
  /** What the simulator lacks, in the words of the table in docs/reference/pve-sim.md. */
  readonly reason: string;
  readonly matches: (exchange: Exchange) => boolean;
}

/**
 * Recorded exchanges that the simulator answers differently, and why. The test fails for a difference
 * that is not here, and for an entry under which nothing differs any more.
 */
export const NOT_COVERED: readonly NotCovered[] = [
  {
    reason: 'making containers from templates',
    matches: ({ params }) => String(params?.['ostemplate']).includes(':vztmpl/') && params?.['restore'] !== 1,
  },
  { reason: 'content other than backups', matches: ({ params }) => params?.['content'] === 'vztmpl' },
  {
    reason: 'changing the configuration of storages, and most of what reading it shows',
    matches: ({ path }) => /^\/api2\/json\/storage(\/|$)/.test(path),
  },
  {
    reason: 'containers that fail to start',
    matches: ({ group, path }) => group === 'start' && path.endsWith('/status/current'),
  },
  {
    reason: "a second task that waits for the lock on a guest's configuration file",
    matches: ({ group, path, params }) =>
      group === 'delete' && path.endsWith('/lxc/205') && params?.['force'] === 1,
  },
  {
    reason: 'scheduled backup jobs, and what they include',
    matches: ({ path, method }) =>
      /\/cluster\/backup\//.test(path) ||
      path.endsWith('/cluster/backup-info/not-backed-up') ||
      (path.endsWith('/cluster/backup') && method === 'POST'),
  },
  { reason: 'pruning', matches: ({ path }) => path.endsWith('/prunebackups') },
  {
    reason: "a guest's pending changes, interfaces, statistics and firewall",
    matches: ({ path }) => /\/lxc\/\d+\/(pending|interfaces|rrddata|firewall\/.*)$/.test(path),
  },
  {
    reason: "the node's network and services, cluster options, high availability",
    matches: ({ path }) => /\/(network|services|cluster\/options|cluster\/ha\/.*)$/.test(path),
  },
  { reason: 'virtual machines', matches: ({ path }) => /\/qemu(\/|$)/.test(path) },
  {
    reason: 'directory indexes',
    matches: ({ path, method }) =>
      method === 'GET' &&
      /^\/api2\/json(\/|\/access|\/cluster|\/nodes\/pve1|\/nodes\/pve1\/lxc\/\d+)?$/.test(path),
  },
  { reason: 'formats other than JSON', matches: ({ path }) => path.startsWith('/api2/extjs/') },
];

export function notCovered(exchange: Exchange): string | undefined {
  return NOT_COVERED.find(({ matches }) => matches(exchange))?.reason;
}
