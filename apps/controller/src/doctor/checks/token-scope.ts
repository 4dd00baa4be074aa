import { guestRole, type Permissions, scratchRole, tacetRoles } from '@tacet/proxmox';
import { describeError } from '@tacet/runtime';
import type { Check, Found } from '../check.ts';
import type { NodeFacts, TokenFacts } from '../facts.ts';
import { line, userOf } from '../node-commands.ts';

/** Whether a token may have a privilege on a path. */
type Allowed = (path: string, privilege: string) => boolean;

export const tokenScope: Check = {
  what: 'whether its token may do no more than it must',
  finds: ['token-over-privileged'],
  node(node, { hasRetention }) {
    const { shared, restore } = node;
    const tokens = [shared, restore].filter((token) => token !== undefined);
    if (tokens.length === 0) return 'not-applicable';
    const unknown = tokens.find(({ permissions }) => !permissions.ok);
    if (unknown !== undefined && !unknown.permissions.ok) {
      return { notKnown: describeError(unknown.permissions.error) };
    }
    return [
      ...beyond(shared, (path, privilege) => allowedForAllGuests(path, privilege, hasRetention)),
      ...beyond(restore, (path, privilege) => allowedForRestores(path, privilege, node)),
    ];
  },
  guest({ vmid, token }, { hasRetention }) {
    if (token?.tier !== 'guest') return 'not-applicable';
    if (!token.permissions.ok) return { notKnown: describeError(token.permissions.error) };
    return beyond(token, (path, privilege) => allowedForGuest(path, privilege, vmid, hasRetention));
  },
};

/** Other storages than the one that is configured may be wanted for a while. */
function allowedForGuest(path: string, privilege: string, vmid: number, hasRetention: boolean): boolean {
  const isOwn = path === `/vms/${vmid}` || path.startsWith('/storage/');
  return isOwn && (guestRole.privileges.includes(privilege) || prunes(path, privilege, hasRetention));
}

function allowedForAllGuests(path: string, privilege: string, hasRetention: boolean): boolean {
  const isOwn = /^\/(?:vms|storage)(?:\/|$)/.test(path);
  return isOwn && (guestRole.privileges.includes(privilege) || prunes(path, privilege, hasRetention));
}

/** What a retention on the call takes, and what nobody needs without one. */
function prunes(path: string, privilege: string, hasRetention: boolean): boolean {
  return hasRetention && privilege === 'Datastore.Allocate' && path.startsWith('/storage/');
}

const ofRestores = new Set(tacetRoles.flatMap(({ privileges }) => privileges));
/** On copies and on the pool of scratch guests only: the first also allows destroying the guest. */
const onCopies = new Set([
  'VM.Allocate',
  ...scratchRole.privileges.filter((one) => one.startsWith('VM.Config.')),
]);

function allowedForRestores(path: string, privilege: string, { guests }: NodeFacts): boolean {
  if (!ofRestores.has(privilege)) return false;
  if (!onCopies.has(privilege)) return true;
  // A guest in a pool is listed itself, with what it gets from there.
  if (/^\/pool\/./.test(path)) return true;
  return /^\/vms\/\d+$/.test(path) && !guests.includes(Number(path.slice('/vms/'.length)));
}

function beyond(token: TokenFacts | undefined, allowed: Allowed): Found[] {
  if (token === undefined || !token.permissions.ok) return [];
  const excess = excessOf(token.permissions.value, allowed);
  if (excess.length === 0) return [];
  const { id } = token;
  return [
    {
      id: 'token-over-privileged',
      severity: 'warning',
      message: `Token ${id} may do more than Tacet needs: whoever steals it can use that.`,
      evidence: excess,
      remedy: `Take away what is named, from user and token: pveum acl delete PATH --roles ROLE --users ${userOf(id)} --tokens '${id}'. A token without privilege separation has all that its user has.`,
      commands: [line('pveum', 'user', 'token', 'list', userOf(id)), line('pveum', 'acl', 'list')],
    },
  ];
}

/** By path; what a path has only because one above it has it is said once. */
function excessOf(permissions: Permissions, allowed: Allowed): string[] {
  return Object.entries(permissions).flatMap(([path, privileges]) => {
    const names = Object.keys(privileges)
      .filter((privilege) => counts(path, privilege) && !allowed(path, privilege))
      .filter((privilege) => !above(path).some((higher) => permissions[higher]?.[privilege] === true));
    return names.length === 0 ? [] : [`${names.toSorted().join(' ')} on ${path}`];
  });
}

/** A role brings all of its privileges to every path; each is asked for on one kind of path only. */
function counts(path: string, privilege: string): boolean {
  const [, kind = ''] = path.split('/');
  const own = { vms: 'VM.', storage: 'Datastore.', sdn: 'SDN.' }[kind];
  return own === undefined || privilege.startsWith(own) || privilege === 'Permissions.Modify';
}

/** `/vms/101` → `/`, `/vms`. */
function above(path: string): string[] {
  if (path === '/') return [];
  const parts = path.split('/').slice(1, -1);
  return ['/', ...parts.map((_, index) => `/${parts.slice(0, index + 1).join('/')}`)];
}
