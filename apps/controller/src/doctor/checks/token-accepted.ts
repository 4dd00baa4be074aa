import { UnauthorizedError } from '@tacet/proxmox';
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
  guest({ vmid, token, place }) {
    if (token === undefined) return place.ok ? [missing(vmid)] : { notKnown: describeError(place.error) };
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

function missing(vmid: number): Found {
  return {
    id: 'token-missing',
    severity: 'error',
    message: `No token for guest ${vmid} is configured: this controller cannot back it up.`,
    remedy: `On a machine that reaches the node: tacet pve provision --url https://NODE:8006 --fingerprint … --guest ${vmid} --storage STORAGE; then add the lines that it prints to the node in the controller's configuration (guestTokens.${vmid}).`,
  };
}
