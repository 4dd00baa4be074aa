import { ForbiddenError, UnauthorizedError } from '@tacet/proxmox';
import { describeError } from '@tacet/runtime';
import type { Check } from '../check.ts';
import { line } from '../node-commands.ts';

export const tokenBoundary: Check = {
  what: 'whether its token is refused what it must not do',
  finds: ['token-reaches-others'],
  guest({ token, boundary }) {
    if (token?.tier !== 'guest' || boundary.length === 0) return 'not-applicable';
    const [unheard] = boundary.flatMap(({ outcome }) =>
      outcome.ok || outcome.error instanceof ForbiddenError ? [] : [outcome.error],
    );
    const crossed = boundary.filter(({ outcome }) => outcome.ok);
    if (crossed.length === 0) {
      if (unheard === undefined) return [];
      return {
        notKnown: unheard instanceof UnauthorizedError ? 'the token is not accepted' : describeError(unheard),
      };
    }
    return [
      {
        id: 'token-reaches-others',
        severity: 'error',
        message: `Token ${token.id} was not refused what it must not do: it is not confined to its guest.`,
        evidence: crossed.map(({ what }) => `allowed: ${what}`),
        remedy: 'See what its user and itself were granted above /vms/VMID, and take that away.',
        commands: [line('pveum', 'acl', 'list')],
      },
    ];
  },
};
