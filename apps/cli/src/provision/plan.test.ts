import { type AclEntry, guestRole } from '@tacet/proxmox';
import { describe, expect, it } from 'vitest';
import { type AccessState, nothingYet } from './access-state.ts';
import { type Plan, planProvision, type PlanOptions } from './plan.ts';
import { planRevoke } from './plan-revoke.ts';
import { describeStep, type Step } from './step.ts';
import { type Wish, wishFor, type WishInput } from './wish.ts';

const NOW = 1_795_356_602_000;

const wish = (more: Partial<WishInput> = {}): Wish =>
  wishFor({
    userId: 'tacet@pve',
    node: 'pve1',
    secrets: '/etc/tacet',
    guests: [101],
    storages: ['local'],
    restore: undefined,
    ...more,
  });

const RESTORE = {
  targets: [201, 202],
  storages: ['tank'],
  bridges: ['vmbr0', 'zone/vnet'],
  inPlace: false,
  copyNetwork: false,
  drill: undefined,
};

const all = (wished: Wish): Set<string> => new Set(wished.tokens.map(({ tokenId }) => tokenId));

/** What the plan says when every secret is in its file. */
function plan(state: AccessState, wished: Wish, options: Partial<PlanOptions> = {}): Plan {
  const rotate = new Set<string>();
  return planProvision(state, wished, {
    stored: all(wished),
    rotate,
    fixRoles: false,
    nowMs: NOW,
    ...options,
  });
}

const words = ({ steps }: Plan): string[] => steps.map(describeStep);

/** What Proxmox VE makes of a step. */
function applied(state: AccessState, step: Step): AccessState {
  const without = (gone: (entry: AclEntry) => boolean): AclEntry[] => state.acl.filter((one) => !gone(one));
  switch (step.kind) {
    case 'create-role':
    case 'set-role':
      return { ...state, roles: new Map([...state.roles, [step.role, step.privileges]]) };
    case 'create-pool':
      return { ...state, pools: new Set([...state.pools, step.pool]) };
    case 'create-user':
      return { ...state, user: { enabled: true, expiresAtMs: undefined } };
    case 'create-token': {
      const token = { tokenId: step.tokenId, separated: true, expiresAtMs: undefined };
      return { ...state, tokens: [...state.tokens, token] };
    }
    case 'delete-token':
      return {
        ...state,
        tokens: state.tokens.filter(({ tokenId }) => tokenId !== step.tokenId),
        acl: without(({ holderId }) => holderId === `${step.userId}!${step.tokenId}`),
      };
    case 'grant': {
      const { path, role, propagate } = step;
      const holders = [...step.users, ...step.tokens];
      const entries = holders.map((holderId): AclEntry => {
        return { path, role, propagate, holderId, holder: holderId.includes('!') ? 'token' : 'user' };
      });
      const rest = without((one) => one.path === path && one.role === role && holders.includes(one.holderId));
      return { ...state, acl: [...rest, ...entries] };
    }
    case 'withdraw':
      return {
        ...state,
        acl: without(
          ({ path, role, holderId }) => path === step.path && role === step.role && holderId === step.userId,
        ),
      };
    case 'remove-secret':
      return state;
  }
}

const after = (steps: readonly Step[], state: AccessState = nothingYet): AccessState =>
  steps.reduce(applied, state);

const granted = (wished: Wish): AccessState => after(plan(nothingYet, wished, { stored: new Set() }).steps);

/** Comparable, whatever the order in which it came about. */
const canonical = (state: AccessState): unknown => ({
  ...state,
  acl: state.acl
    .map(({ holderId, path, role, propagate }) => `${path} ${role} ${holderId} ${propagate}`)
    .toSorted(),
});

/** What is left to do when only one side of each grant is there. */
const withHalf = (holder: string): string[] => {
  const state = granted(wish());
  return words(plan({ ...state, acl: state.acl.filter(({ holderId }) => holderId === holder) }, wish()));
};

const obstacles = (state: Partial<AccessState>, options: Partial<PlanOptions> = {}): string[] =>
  plan({ ...granted(wish()), ...state }, wish(), options).obstacles.map(({ message }) => message);

const entry = (holderId: string, path: string, role: string, propagate = true): AclEntry => ({
  holderId,
  path,
  role,
  propagate,
  holder: holderId.includes('!') ? 'token' : 'user',
});

describe('a plan for an empty node', () => {
  it('grants each role to the user and to its token, on the guest and on the storage', () => {
    expect(words(plan(nothingYet, wish(), { stored: new Set() }))).toEqual([
      'make role TacetGuest: VM.Audit VM.Snapshot VM.Backup Datastore.AllocateSpace Datastore.Audit',
      'make user tacet@pve, without a password',
      'make token tacet@pve!guest-101, its secret in /etc/tacet/pve1-guest-101.secret',
      'grant TacetGuest on /vms/101 to tacet@pve and tacet@pve!guest-101',
      'grant TacetGuest on /storage/local to tacet@pve and tacet@pve!guest-101',
    ]);
  });

  it('gives the restore token what restores need and no right to destroy an original', () => {
    const wished = wish({ restore: RESTORE });
    const grants = granted(wished).acl.filter(({ holderId }) => holderId === 'tacet@pve!restore');
    expect(grants.map(({ path, role }) => `${role} ${path}`).toSorted()).toEqual([
      'TacetRestore /sdn/zones/localnetwork/vmbr0',
      'TacetRestore /sdn/zones/zone/vnet',
      'TacetRestore /storage/local',
      'TacetRestore /storage/tank',
      'TacetRestore /vms/101',
      'TacetRestoreTarget /vms/201',
      'TacetRestoreTarget /vms/202',
    ]);
    expect(wished.roles.filter(({ privileges }) => privileges.includes('VM.Allocate'))).toEqual([
      expect.objectContaining({ role: 'TacetRestoreTarget' }),
    ]);
  });

  it('lets the restore token stop and start the guests themselves only where that was asked for', () => {
    const [before, asked] = [false, true].map((inPlace) => wish({ restore: { ...RESTORE, inPlace } }));
    expect(words(plan(granted(before!), asked!))).toEqual([
      'make role TacetPower: VM.Audit VM.PowerMgmt',
      'grant TacetPower on /vms/101 to tacet@pve and tacet@pve!restore',
    ]);
    expect(plan(granted(asked!), before!)).toMatchObject({ steps: [], obstacles: [] });
  });

  it('makes a pool for drills and grants there, not on VMIDs, what a scratch guest takes', () => {
    const drill = { pool: 'tacet-drill', bridge: 'vmbr9', storage: 'tank' };
    const [before, asked] = [undefined, drill].map((one) => wish({ restore: { ...RESTORE, drill: one } }));
    expect(words(plan(granted(before!), asked!))).toEqual([
      'make role TacetScratch: VM.Allocate VM.Audit VM.PowerMgmt VM.Config.Network VM.Config.Options',
      'make pool tacet-drill, for scratch guests of drills',
      'grant TacetRestore on /sdn/zones/localnetwork/vmbr9 to tacet@pve and tacet@pve!restore',
      'grant TacetScratch on /pool/tacet-drill to tacet@pve and tacet@pve!restore',
    ]);
    expect(plan(granted(asked!), before!)).toMatchObject({ steps: [], obstacles: [] });
  });

  it('lets copies have another network only where that was asked for', () => {
    const [before, asked] = [false, true].map((one) => wish({ restore: { ...RESTORE, copyNetwork: one } }));
    expect(words(plan(granted(before!), asked!))).toEqual([
      'make role TacetCopyNetwork: VM.Config.Network',
      'grant TacetCopyNetwork on /vms/201 to tacet@pve and tacet@pve!restore',
      'grant TacetCopyNetwork on /vms/202 to tacet@pve and tacet@pve!restore',
    ]);
  });
});

describe('a plan for a node that has it all', () => {
  const wished = wish({ guests: [101, 102], restore: RESTORE });

  it('is empty', () => {
    expect(plan(granted(wished), wished)).toEqual({ steps: [], obstacles: [], remarks: [] });
  });

  it('adds only what a further guest, storage or copy lacks', () => {
    const more = wish({ guests: [103], restore: { ...RESTORE, targets: [203] } });
    expect(words(plan(granted(wished), more, { stored: new Set(['restore']) }))).toEqual([
      'make token tacet@pve!guest-103, its secret in /etc/tacet/pve1-guest-103.secret',
      'grant TacetGuest on /vms/103 to tacet@pve and tacet@pve!guest-103',
      'grant TacetGuest on /storage/local to tacet@pve!guest-103',
      'grant TacetRestore on /vms/103 to tacet@pve and tacet@pve!restore',
      'grant TacetRestoreTarget on /vms/203 to tacet@pve and tacet@pve!restore',
    ]);
    expect(words(plan(granted(wished), wish({ storages: ['local', 'pbs'] })))).toEqual([
      'grant TacetGuest on /storage/pbs to tacet@pve and tacet@pve!guest-101',
    ]);
  });

  it('from wherever it was cut off, goes on to the same end', () => {
    const { steps } = plan(nothingYet, wished, { stored: new Set() });
    for (let cut = 0; cut <= steps.length; cut += 1) {
      const reached = after(steps.slice(0, cut));
      const rest = plan(reached, wished);
      expect(rest.obstacles).toEqual([]);
      expect(rest.steps.length).toBe(steps.length - cut);
      expect(canonical(after(rest.steps, reached))).toEqual(canonical(granted(wished)));
    }
  });

  it('completes a grant of which one half is there: a token alone, or its user alone, has nothing', () => {
    expect(withHalf('tacet@pve')).toEqual([
      'grant TacetGuest on /vms/101 to tacet@pve!guest-101',
      'grant TacetGuest on /storage/local to tacet@pve!guest-101',
    ]);
    expect(withHalf('tacet@pve!guest-101')).toEqual([
      'grant TacetGuest on /vms/101 to tacet@pve',
      'grant TacetGuest on /storage/local to tacet@pve',
    ]);
  });

  it('grants again what a destroyed guest has taken along', () => {
    const state = granted(wished);
    const acl = state.acl.filter(({ path }) => path !== '/vms/201');
    expect(words(plan({ ...state, acl }, wished))).toEqual([
      'grant TacetRestoreTarget on /vms/201 to tacet@pve and tacet@pve!restore',
    ]);
  });

  it('counts no grant of a token that is gone: its name may come back, its grants must be made', () => {
    const state = { ...granted(wish()), tokens: [] };
    expect(words(plan(state, wish(), { stored: new Set() }))).toEqual([
      'make token tacet@pve!guest-101, its secret in /etc/tacet/pve1-guest-101.secret',
      'grant TacetGuest on /vms/101 to tacet@pve!guest-101',
      'grant TacetGuest on /storage/local to tacet@pve!guest-101',
    ]);
  });
});

describe('what a person has to decide first', () => {
  const token = { tokenId: 'guest-101', separated: true, expiresAtMs: undefined };

  it('is a role of our name with other privileges, unless it was asked to fix it', () => {
    const roles = new Map([['TacetGuest', ['VM.Audit', 'VM.Allocate', 'VM.Snapshot', 'VM.Backup']]]);
    expect(obstacles({ roles })).toEqual([
      'there is a role TacetGuest with other privileges: it lacks Datastore.AllocateSpace Datastore.Audit, and has VM.Allocate besides',
    ]);
    const fixed = plan({ ...granted(wish()), roles }, wish(), { fixRoles: true });
    expect(fixed.obstacles).toEqual([]);
    expect(fixed.steps).toEqual([{ kind: 'set-role', ...guestRole }]);
  });

  it('is a user that somebody disabled, or that is expired', () => {
    expect(obstacles({ user: { enabled: false, expiresAtMs: undefined } })).toEqual([
      'user tacet@pve is disabled: none of its tokens works',
    ]);
    expect(obstacles({ user: { enabled: true, expiresAtMs: NOW } })).toEqual([
      'user tacet@pve is expired: none of its tokens works',
    ]);
    expect(obstacles({ user: { enabled: true, expiresAtMs: NOW + 1 } })).toEqual([]);
  });

  it('is a token that has more than its own grants, is expired, or whose secret nobody has', () => {
    expect(obstacles({ tokens: [{ ...token, separated: false }] })[0]).toContain('no privilege separation');
    expect(obstacles({ tokens: [{ ...token, expiresAtMs: NOW }] })).toEqual([
      'token tacet@pve!guest-101 is expired',
    ]);
    expect(obstacles({}, { stored: new Set() })).toEqual([
      'token tacet@pve!guest-101 exists, but its secret is not in /etc/tacet/pve1-guest-101.secret',
    ]);
  });

  it('is nothing of that for a token that is made anew', () => {
    const rotate = new Set(['guest-101']);
    expect(obstacles({ tokens: [{ ...token, separated: false }] }, { rotate, stored: new Set() })).toEqual(
      [],
    );
  });
});

describe('a new secret', () => {
  const rotate = new Set(['guest-101']);

  it('takes a new token, which gets what the old one was granted, also what nobody wishes for now', () => {
    const before = granted(wish({ storages: ['local', 'old'] }));
    const state = { ...before, acl: [...before.acl, entry('tacet@pve!guest-101', '/', 'PVEAuditor', false)] };
    const { steps } = plan(state, wish(), { rotate });
    expect(steps.map(describeStep)).toEqual([
      'delete token tacet@pve!guest-101',
      'make token tacet@pve!guest-101, its secret in /etc/tacet/pve1-guest-101.secret',
      'grant TacetGuest on /vms/101 to tacet@pve!guest-101',
      'grant TacetGuest on /storage/local to tacet@pve!guest-101',
      'grant TacetGuest on /storage/old to tacet@pve!guest-101',
      'grant PVEAuditor on / to tacet@pve!guest-101',
    ]);
    expect(canonical(after(steps, state))).toEqual(canonical(state));
  });

  it('leaves other tokens alone', () => {
    const wished = wish({ guests: [101, 102] });
    expect(words(plan(granted(wished), wished, { rotate })).filter((text) => text.includes('102'))).toEqual(
      [],
    );
  });

  it('after a cut between the old token and the new one is a plain provision', () => {
    const state = granted(wish());
    const { steps } = plan(state, wish(), { rotate });
    const cut = after(steps.slice(0, 1), state);
    expect(after(plan(cut, wish(), { stored: new Set() }).steps, cut).tokens).toHaveLength(1);
    expect(plan(cut, wish(), { rotate, stored: new Set() }).obstacles).toEqual([]);
  });
});

describe('what is there besides', () => {
  it('stays, and is named with the line that would end it', () => {
    const state = granted(wish({ storages: ['local', 'old'] }));
    const acl = [...state.acl, entry('tacet@pve', '/', 'PVEAuditor'), entry('other@pve', '/', 'PVEAdmin')];
    const { steps, remarks } = plan({ ...state, acl }, wish());
    expect(steps).toEqual([]);
    expect(remarks).toEqual([
      "tacet@pve also holds PVEAuditor on /. To end that: pveum acl delete / --roles PVEAuditor --users 'tacet@pve'",
      "tacet@pve!guest-101 also holds TacetGuest on /storage/old. To end that: pveum acl delete /storage/old --roles TacetGuest --tokens 'tacet@pve!guest-101'",
    ]);
  });

  it('is not worth a word where earlier copies of the restore token are concerned', () => {
    const state = granted(wish({ restore: RESTORE }));
    expect(plan(state, wish({ restore: { ...RESTORE, targets: [209] } })).remarks).toEqual([]);
  });
});

describe('revoking', () => {
  const wished = wish({ guests: [101, 102], restore: RESTORE });
  const state = granted(wished);
  const one = wish();

  it('deletes the token first, then what its user needs for no other, then the secret', () => {
    expect(words(planRevoke(state, 'tacet@pve', one.tokens, new Set(['guest-101'])))).toEqual([
      'delete token tacet@pve!guest-101',
      'withdraw TacetGuest on /vms/101 from tacet@pve',
      'remove /etc/tacet/pve1-guest-101.secret',
    ]);
  });

  it('of everything leaves the user nothing', () => {
    const { steps } = planRevoke(state, 'tacet@pve', wished.tokens, new Set());
    expect(after(steps, state)).toMatchObject({ tokens: [], acl: [] });
  });

  it('goes on from wherever it was cut off, and does nothing twice', () => {
    const { steps } = planRevoke(state, 'tacet@pve', one.tokens, new Set());
    for (let cut = 0; cut <= steps.length; cut += 1) {
      const reached = after(steps.slice(0, cut), state);
      expect(planRevoke(reached, 'tacet@pve', one.tokens, new Set()).steps).toEqual(steps.slice(cut));
    }
  });

  it('takes nothing from others, nor what is not ours', () => {
    const acl = [
      ...state.acl,
      entry('tacet@pve', '/', 'PVEAuditor'),
      entry('other@pve', '/vms/101', 'TacetGuest'),
    ];
    const { steps } = planRevoke({ ...state, acl }, 'tacet@pve', wished.tokens, new Set());
    expect(after(steps, { ...state, acl }).acl.map(({ holderId }) => holderId)).toEqual([
      'tacet@pve',
      'other@pve',
    ]);
  });

  it('takes nothing from the user while a token lives on all that the user has', () => {
    const tokens = [...state.tokens, { tokenId: 'mine', separated: false, expiresAtMs: undefined }];
    expect(words(planRevoke({ ...state, tokens }, 'tacet@pve', one.tokens, new Set()))).toEqual([
      'delete token tacet@pve!guest-101',
    ]);
  });
});
