import { describeError } from '@tacet/runtime';
import type { Check } from '../check.ts';
import { isVm, unreadable } from '../readable.ts';
import { line } from '../node-commands.ts';

export const guestSnapshots: Check = {
  what: 'whether all of its volumes can be snapshotted',
  finds: ['guest-cannot-snapshot'],
  guest(guest) {
    const { vmid, canSnapshot, config } = guest;
    if (isVm(guest)) return 'not-applicable';
    if (!canSnapshot.ok) return { notKnown: unreadable(guest) ?? describeError(canSnapshot.error) };
    if (canSnapshot.value) return [];
    const mounts = config.ok ? config.value.mountPoints : [];
    const volumes = mounts.filter(({ kind }) => kind === 'volume');
    return [
      {
        id: 'guest-cannot-snapshot',
        severity: 'warning',
        message: `Proxmox VE says that guest ${vmid} cannot be snapshotted: its backups copy files while they change, and are never better than crash-consistent.`,
        evidence: mounts.map(({ key, volume, kind }) => `${key}: ${kind} ${volume}`),
        remedy: `Move its volumes to a storage that snapshots (ZFS, LVM-thin, btrfs, Ceph), while it is stopped. A bind mount alone makes Proxmox VE say no, too.`,
        commands: volumes.map(({ key }) =>
          line('pct', 'move-volume', String(vmid), key, 'STORAGE', '--delete'),
        ),
      },
    ];
  },
};
