import { parseProperties, printProperties } from '@tacet/proxmox';
import type { Check, Found } from '../check.ts';
import { line } from '../node-commands.ts';
import { isVm, unreadable } from '../readable.ts';

export const mountPoints: Check = {
  what: 'whether its backups have all of its mount points',
  finds: ['mount-point-not-in-backup', 'bind-mount-not-in-backup'],
  guest(guest) {
    const { vmid, config } = guest;
    if (isVm(guest)) return 'not-applicable';
    if (!config.ok) return { notKnown: unreadable(guest) ?? '' };
    return config.value.mountPoints
      .filter(({ backedUp }) => !backedUp)
      .map(({ key, path, volume, kind, text }): Found => {
        const evidence = [`${key}: ${text}`];
        if (kind === 'volume') {
          const wanted = printProperties({ ...parseProperties(text), backup: '1' });
          return {
            id: 'mount-point-not-in-backup',
            severity: 'warning',
            message: `No backup of guest ${vmid} has ${path}: mount point ${key} is left out, because it lacks backup=1.`,
            evidence,
            remedy: 'Take it along from the next backup on, if it holds anything that you would want back.',
            commands: [line('pct', 'set', String(vmid), `--${key}`, wanted)],
          };
        }
        return {
          id: 'bind-mount-not-in-backup',
          severity: 'warning',
          message: `No backup of guest ${vmid} has ${path}: ${volume} of the node is ${kind === 'bind' ? 'bind-mounted' : 'passed through'} there, and vzdump never takes that along.`,
          evidence,
          remedy: `Back ${volume} up by other means, or move the data into a volume of the guest (size in GiB, another path until it has been copied).`,
          commands: [line('pct', 'set', String(vmid), '--mpN', `STORAGE:SIZE,mp=${path}-new,backup=1`)],
        };
      });
  },
};
