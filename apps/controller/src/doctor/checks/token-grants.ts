import { guestRole, lackingForBackup } from '@tacet/proxmox';
import { describeError } from '@tacet/runtime';
import type { Check, Found } from '../check.ts';
import type { GuestFacts, TokenFacts } from '../facts.ts';
import { grantLine, line, roleLine, userOf } from '../node-commands.ts';

export const tokenGrants: Check = {
  what: 'whether its token may do what a backup needs',
  finds: ['token-grant-incomplete', 'token-lacks-privilege'],
  guest(guest) {
    const { vmid, token, backupStorage } = guest;
    if (token === undefined) return 'not-applicable';
    const { permissions } = token;
    if (!permissions.ok) return { notKnown: describeError(permissions.error) };
    return lackingForBackup(permissions.value, vmid, backupStorage).map(({ path, needed, lacks: gone }) =>
      gone.length === needed.length ? incomplete(guest, token, path) : tooLittle(guest, token, path, gone),
    );
  },
};

function incomplete({ vmid }: GuestFacts, { id, acl, tier }: TokenFacts, path: string): Found {
  const user = userOf(id);
  const granted = (holder: string): boolean =>
    acl.some(({ holderId, path: on }) => holderId === holder && on === path);
  const half =
    granted(id) && !granted(user)
      ? [`${path} is granted to the token only`]
      : granted(user) && !granted(id)
        ? [`${path} is granted to the user only`]
        : [];
  return {
    id: 'token-grant-incomplete',
    severity: 'error',
    message: `Token ${id} has nothing on ${path}, so a backup of guest ${vmid} fails. A token has what both it and its user were granted: one of the two grants is missing, or both.`,
    evidence: [`/access/permissions shows no privilege that counts on ${path}`, ...half],
    remedy: `Grant the role to the user and to the token; what is there already stays.${tier === 'shared' ? ` Or give the guest a token of its own: tacet pve provision … --guest ${vmid}.` : ''}`,
    commands: [grantLine(path, guestRole.role, id), line('pveum', 'acl', 'list')],
  };
}

function tooLittle({ vmid }: GuestFacts, { id }: TokenFacts, path: string, gone: readonly string[]): Found {
  return {
    id: 'token-lacks-privilege',
    severity: 'error',
    message: `Token ${id} lacks ${gone.join(' and ')} on ${path}: backups of guest ${vmid} fail, or cannot be judged.`,
    evidence: gone.map((privilege) => `no ${privilege} on ${path}`),
    remedy: `Grant role ${guestRole.role} to the user and to the token, since a token has what both were granted; and see that the role has all of its privileges.`,
    commands: [grantLine(path, guestRole.role, id), roleLine(guestRole)],
  };
}
