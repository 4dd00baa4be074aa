import { holdsPrivilege, targetRole, UnauthorizedError } from '@tacet/proxmox';
import { describeError } from '@tacet/runtime';
import type { Check, Found } from '../check.ts';
import type { TokenFacts } from '../facts.ts';
import { line, userOf } from '../node-commands.ts';

export const tokenAccepted: Check = {
  what: 'whether the node accepts the token',
  finds: ['token-rejected', 'token-missing'],
  node({ shared, restore, clock }) {
    const tokens = [shared, restore].filter((token) => token !== undefined);
    if (tokens.length === 0) return 'not-applicable';
    if (!clock.ok) return { notKnown: 'the node does not answer' };
    return tokens.flatMap((token) => rejected(token, 'what it is for'));
  },
  guest({ vmid, token, place, restore }) {
    if (token === undefined) {
      if (!place.ok) return { notKnown: describeError(place.error) };
      return [restore !== undefined && isCopyOf(restore, vmid) ? copy(vmid, restore.id) : missing(vmid)];
    }
    if (token.tier === 'shared') return 'not-applicable';
    const { permissions } = token;
    if (permissions.ok) return [];
    if (!(permissions.error instanceof UnauthorizedError))
      return { notKnown: describeError(permissions.error) };
    return rejected(token, `a backup of guest ${vmid}`);
  },
};

function rejected({ id, permissions }: TokenFacts, forWhat: string): Found[] {
  if (permissions.ok || !(permissions.error instanceof UnauthorizedError)) return [];
  const [user, name = ''] = id.split('!');
  return [
    {
      id: 'token-rejected',
      severity: 'error',
      message: `The node does not accept token ${id}: ${forWhat} fails. Its secret is wrong, there is no such token, or it or its user is disabled or expired; Proxmox VE does not say which.`,
      evidence: [describeError(permissions.error)],
      remedy:
        'See whether user and token are there and good; for a new secret: tacet pve provision … --rotate, and restart the controller.',
      commands: [
        line('pveum', 'user', 'list'),
        line('pveum', 'user', 'token', 'list', userOf(id)),
        line('pveum', 'user', 'token', 'permissions', user ?? id, name),
      ],
    },
  ];
}

/**
 * Only what a restore makes may be destroyed by the token for restores, which was granted that on this very guest: what
 * comes from above is a wide token's on every guest, and what comes from a pool does not propagate.
 */
function isCopyOf({ permissions }: TokenFacts, vmid: number): boolean {
  if (!permissions.ok || holdsPrivilege(permissions.value, '/vms', 'VM.Allocate')) return false;
  return permissions.value[`/vms/${vmid}`]?.['VM.Allocate'] === true;
}

/** Nobody is surprised that what he restored to have a look at is not backed up. */
function copy(vmid: number, restoreToken: string): Found {
  return {
    id: 'token-missing',
    severity: 'warning',
    message: `Guest ${vmid} is a copy, and has no token of its own: it is not backed up, and the token for restores may destroy it.`,
    evidence: [`VM.Allocate of ${restoreToken} on /vms/${vmid}`],
    remedy: `If it stays, make it a guest of its own: tacet pve provision … --guest ${vmid} --storage STORAGE, then add the lines that it prints to the node in the controller's configuration (guestTokens.${vmid}), and take it from the token for restores with the command below. If it was there to be looked at, nothing is to be done.`,
    commands: [
      line(
        'pveum',
        'acl',
        'delete',
        `/vms/${vmid}`,
        '--roles',
        targetRole.role,
        '--users',
        userOf(restoreToken),
        '--tokens',
        restoreToken,
      ),
    ],
  };
}

function missing(vmid: number): Found {
  return {
    id: 'token-missing',
    severity: 'error',
    message: `No token for guest ${vmid} is configured: this controller cannot back it up.`,
    remedy: `On a machine that reaches the node: tacet pve provision --url https://NODE:8006 --fingerprint … --guest ${vmid} --storage STORAGE; then add the lines that it prints to the node in the controller's configuration (guestTokens.${vmid}).`,
  };
}
