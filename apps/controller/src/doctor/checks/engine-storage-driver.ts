import { unseen } from '../by-agent.ts';
import type { Check } from '../check.ts';
import { line } from '../node-commands.ts';

/** What is known to be bad in a container of Proxmox VE, and why. */
const badDrivers: Readonly<Record<string, string>> = {
  vfs: 'it copies every layer of an image for each container, so that the guest and its backups grow many times larger',
  native:
    'it copies every layer of an image for each container, so that the guest and its backups grow many times larger',
  'fuse-overlayfs':
    'it is a FUSE filesystem, and a guest that is frozen for its snapshot can hang on one (so the documentation of Proxmox VE)',
  devicemapper: 'Docker has removed it, and it needs devices that an unprivileged container has not',
  aufs: 'neither Docker nor the kernel has it any more',
};

export const engineStorageDriver: Check = {
  what: "its engine's storage driver",
  finds: ['engine-storage-driver'],
  guest({ vmid, agent }) {
    const engine = agent?.seen?.engine;
    if (engine === undefined) return unseen(agent);
    const { version, storageDriver } = engine;
    const because = badDrivers[storageDriver];
    if (because === undefined) return [];
    return [
      {
        id: 'engine-storage-driver',
        severity: 'warning',
        message: `The engine of guest ${vmid} stores images with ${storageDriver}: ${because}.`,
        evidence: [`engine ${version}, storage driver ${storageDriver}`],
        remedy:
          'With the features nesting and keyctl, and no storage driver in /etc/docker/daemon.json, Docker takes overlay2 or overlayfs by itself. Images must be pulled again; volumes stay.',
        commands: [
          line('pct', 'exec', String(vmid), '--', 'cat', '/etc/docker/daemon.json'),
          line('pct', 'reboot', String(vmid)),
        ],
      },
    ];
  },
};
