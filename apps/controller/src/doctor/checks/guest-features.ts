import { printProperties } from '@tacet/proxmox';
import type { Check, Found } from '../check.ts';
import { line } from '../node-commands.ts';
import { isVm, unreadable } from '../readable.ts';

export const guestFeatures: Check = {
  what: 'whether the container is made for an engine in it',
  finds: ['guest-lacks-nesting', 'guest-lacks-keyctl', 'guest-privileged'],
  guest(guest) {
    const { vmid, config } = guest;
    if (isVm(guest)) return 'not-applicable';
    if (!config.ok) return { notKnown: unreadable(guest) ?? '' };
    const { features, unprivileged } = config.value;
    const evidence = [`features: ${printProperties(features) || 'none'}`];
    const lacks = (name: string): boolean => features[name] !== '1';
    const enable = (...names: string[]): string[] => [
      line(
        'pct',
        'set',
        String(vmid),
        '--features',
        printProperties({ ...features, ...Object.fromEntries(names.map((name) => [name, '1'])) }),
      ),
      line('pct', 'reboot', String(vmid)),
    ];
    // One line for both: the second would otherwise take back what the first has set.
    const missing = (unprivileged ? ['nesting', 'keyctl'] : ['nesting']).filter(lacks);
    const found: Found[] = [];
    if (missing.includes('nesting')) {
      found.push({
        id: 'guest-lacks-nesting',
        severity: 'warning',
        message: `Guest ${vmid} lacks the feature nesting: containers in it do not start, or fall back to slow and wasteful ways.`,
        evidence,
        remedy: 'Set it, and restart the guest.',
        commands: enable(...missing),
      });
    }
    if (missing.includes('keyctl')) {
      found.push({
        id: 'guest-lacks-keyctl',
        severity: 'warning',
        message: `Guest ${vmid} lacks the feature keyctl, which an engine in an unprivileged container needs.`,
        evidence,
        remedy: 'Set it, and restart the guest.',
        commands: enable(...missing),
      });
    }
    if (!unprivileged) {
      found.push({
        id: 'guest-privileged',
        severity: 'warning',
        message: `Guest ${vmid} is a privileged container: root in it is root on the node, and so is who breaks out of one of its services.`,
        evidence: ['unprivileged: 0'],
        remedy:
          'Only a restore as an unprivileged container changes that, under another VMID; the old one goes when the new one is proven.',
        commands: [
          line('pct', 'restore', 'NEW-VMID', 'VOLUME-ID', '--unprivileged', '1', '--storage', 'STORAGE'),
        ],
      });
    }
    return found;
  },
};
