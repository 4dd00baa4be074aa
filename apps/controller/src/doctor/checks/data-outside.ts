import type { DataOutside } from '@tacet/protocol';
import { type MountPoint, parseProperties, printProperties } from '@tacet/proxmox';
import type { Check, Found } from '../check.ts';
import { unseen } from '../by-agent.ts';
import { line } from '../node-commands.ts';

export const dataOutside: Check = {
  what: 'whether its backups have what its services write',
  finds: ['service-data-outside-backup'],
  guest({ vmid, agent, config }) {
    const seen = agent?.seen;
    if (seen === undefined) return unseen(agent);
    const known = config.ok ? config.value.mountPoints : [];
    if (!config.ok && seen.outside.length > 0) {
      return { notKnown: 'which of its mount points a backup has cannot be read' };
    }
    return seen.outside
      .map((one) => ({ one, on: known.find(({ path }) => path === one.mount?.mountPoint) }))
      .filter(({ on }) => on?.backedUp !== true)
      .map(({ one, on }) => left(vmid, one, on));
  },
};

function left(
  vmid: number,
  { stack, service, target, source, mount }: DataOutside,
  on: MountPoint | undefined,
): Found {
  const where =
    mount === null
      ? `in ${source}, which vzdump leaves out`
      : `on ${mount.mountPoint} (${mount.type}), ${on === undefined ? 'which is mounted inside the guest' : on.kind === 'volume' ? `whose mount point ${on.key} lacks backup=1` : `where ${on.volume} of the node is mounted`}`;
  const isVolume = on?.kind === 'volume';
  return {
    id: 'service-data-outside-backup',
    severity: 'error',
    message: `No backup of guest ${vmid} has what ${stack}/${service} writes to ${target}: it lies ${where}.`,
    evidence: [`${source} of the guest is mounted at ${target} of ${stack}/${service}`],
    remedy: isVolume
      ? 'Take the mount point along from the next backup on.'
      : "Move it onto the guest's root filesystem or a mount point with backup=1, or back it up by other means; if the service only reads it, mount it read-only.",
    commands: isVolume
      ? [
          line(
            'pct',
            'set',
            String(vmid),
            `--${on.key}`,
            printProperties({ ...parseProperties(on.text), backup: '1' }),
          ),
        ]
      : [],
  };
}
