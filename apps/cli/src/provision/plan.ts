import { type AclEntry, tacetRoles } from '@tacet/proxmox';
import type { AccessState } from './access-state.ts';
import { fullTokenId, type Step } from './step.ts';
import type { TokenWish, Wish } from './wish.ts';

export interface PlanOptions {
  /** Tokens whose secret is in its file. */
  readonly stored: ReadonlySet<string>;
  /** Tokens that get a new secret. */
  readonly rotate: ReadonlySet<string>;
  /** Give roles of our names our privileges, whoever uses them. */
  readonly fixRoles: boolean;
  readonly nowMs: number;
}

/** Something that a person has to decide. */
export interface Obstacle {
  readonly message: string;
  readonly hint: string;
}

export interface Plan {
  /** In this order. Without obstacles they lead from the state to the wish. */
  readonly steps: readonly Step[];
  readonly obstacles: readonly Obstacle[];
  /** What is there besides, and stays. */
  readonly remarks: readonly string[];
}

/** The difference between what is there and what is wished for; nothing that is there is taken away. */
export function planProvision(state: AccessState, wish: Wish, options: PlanOptions): Plan {
  return {
    steps: [
      ...roleSteps(state, wish, options),
      ...poolSteps(state, wish),
      ...(state.user === undefined ? [userStep(wish)] : []),
      ...tokenSteps(state, wish, options),
    ],
    obstacles: [
      ...(options.fixRoles ? [] : roleObstacles(state, wish)),
      ...userObstacles(state, wish, options),
      ...wish.tokens.flatMap((token) => tokenObstacles(state, wish, token, options)),
    ],
    remarks: remarks(state, wish),
  };
}

function roleSteps({ roles }: AccessState, wish: Wish, { fixRoles }: PlanOptions): Step[] {
  return wish.roles.flatMap(({ role, privileges }): Step[] => {
    const has = roles.get(role);
    if (has === undefined) return [{ kind: 'create-role', role, privileges }];
    return fixRoles && !sameSet(has, privileges) ? [{ kind: 'set-role', role, privileges }] : [];
  });
}

function roleObstacles({ roles }: AccessState, wish: Wish): Obstacle[] {
  return wish.roles.flatMap(({ role, privileges }): Obstacle[] => {
    const has = roles.get(role);
    if (has === undefined || sameSet(has, privileges)) return [];
    const lacking = privileges.filter((privilege) => !has.includes(privilege));
    const beyond = has.filter((privilege) => !privileges.includes(privilege));
    const differences = [
      ...(lacking.length > 0 ? [`lacks ${lacking.join(' ')}`] : []),
      ...(beyond.length > 0 ? [`has ${beyond.join(' ')} besides`] : []),
    ];
    return [
      {
        message: `there is a role ${role} with other privileges: it ${differences.join(', and ')}`,
        hint: `If nobody else uses it, --fix-roles sets it to: ${privileges.join(' ')}`,
      },
    ];
  });
}

function poolSteps({ pools }: AccessState, wish: Wish): Step[] {
  return wish.pools
    .filter((pool) => !pools.has(pool))
    .map((pool) => ({ kind: 'create-pool', pool, comment: 'Tacet: scratch guests of drills' }));
}

function userStep({ userId }: Wish): Step {
  return { kind: 'create-user', userId, comment: 'Tacet' };
}

function userObstacles({ user }: AccessState, { userId }: Wish, { nowMs }: PlanOptions): Obstacle[] {
  if (user === undefined || (user.enabled && !isPast(user.expiresAtMs, nowMs))) return [];
  return [
    {
      message: `user ${userId} is ${user.enabled ? 'expired' : 'disabled'}: none of its tokens works`,
      hint: `Somebody wanted that. To undo it: pveum user modify ${userId} --enable 1 --expire 0`,
    },
  ];
}

function tokenObstacles(
  { tokens }: AccessState,
  { userId }: Wish,
  { tokenId, secretFile }: TokenWish,
  { stored, rotate, nowMs }: PlanOptions,
): Obstacle[] {
  const has = tokens.find((token) => token.tokenId === tokenId);
  if (has === undefined || rotate.has(tokenId)) return [];
  const id = fullTokenId(userId, tokenId);
  const rotation = 'make it anew with --rotate, which ends what uses it now';
  if (!has.separated) {
    const message = `token ${id} has no privilege separation: it has all that ${userId} has`;
    return [{ message, hint: `To confine it, ${rotation}.` }];
  }
  if (isPast(has.expiresAtMs, nowMs)) {
    return [{ message: `token ${id} is expired`, hint: `Extend it, or ${rotation}.` }];
  }
  if (stored.has(tokenId)) return [];
  return [
    {
      message: `token ${id} exists, but its secret is not in ${secretFile}`,
      hint: `Proxmox VE shows a secret once. Put it there (mode 0600), or ${rotation}.`,
    },
  ];
}

function tokenSteps(state: AccessState, { userId, tokens }: Wish, { rotate }: PlanOptions): Step[] {
  const steps: Step[] = [];
  const held = new Set(state.acl.filter(({ propagate }) => propagate).map(entryKey));
  for (const { tokenId, comment, secretFile, grants } of tokens) {
    const id = fullTokenId(userId, tokenId);
    const exists = state.tokens.some((token) => token.tokenId === tokenId);
    const renewed = exists && rotate.has(tokenId);
    if (renewed) steps.push({ kind: 'delete-token', userId, tokenId });
    if (renewed || !exists) steps.push({ kind: 'create-token', userId, tokenId, comment, secretFile });
    // What is listed for a token that is made anew goes with the old one.
    const holds = (holderId: string, grant: { path: string; role: string }): boolean =>
      held.has(entryKey({ ...grant, holderId })) && !(holderId === id && (renewed || !exists));
    for (const grant of grants) {
      const users = holds(userId, grant) ? [] : [userId];
      const ids = holds(id, grant) ? [] : [id];
      if (users.length + ids.length === 0) continue;
      steps.push({ kind: 'grant', ...grant, users, tokens: ids, propagate: true });
      held.add(entryKey({ ...grant, holderId: userId }));
    }
    if (renewed) steps.push(...regrants(state, id, grants));
  }
  return steps;
}

/** What a token held besides: deleting it would lose that. */
function regrants(state: AccessState, id: string, wished: TokenWish['grants']): Step[] {
  return state.acl
    .filter((entry) => entry.holderId === id)
    .filter(({ path, role }) => !wished.some((grant) => grant.path === path && grant.role === role))
    .map(({ path, role, propagate }) => ({
      kind: 'grant',
      path,
      role,
      users: [],
      tokens: [id],
      propagate,
    }));
}

/** Grants that nobody asked for this time. A restore's are many and come over time: only foreign ones count. */
function remarks(state: AccessState, { userId, tokens }: Wish): string[] {
  const ours = new Set(tacetRoles.map(({ role }) => role));
  const foreign = state.acl.filter(({ holderId, role }) => holderId === userId && !ours.has(role));
  const beyond = tokens.flatMap(({ tokenId, grants, vmid }) => {
    const wished = new Set(grants.map(({ path, role }) => `${path} ${role}`));
    return state.acl.filter(
      ({ holderId, path, role }) =>
        holderId === fullTokenId(userId, tokenId) &&
        !wished.has(`${path} ${role}`) &&
        (vmid !== undefined || !ours.has(role)),
    );
  });
  return [...foreign, ...beyond].map(
    ({ holderId, path, role, holder }) =>
      `${holderId} also holds ${role} on ${path}. To end that: pveum acl delete ${path} --roles ${role} --${holder}s '${holderId}'`,
  );
}

function entryKey({ path, role, holderId }: Pick<AclEntry, 'path' | 'role' | 'holderId'>): string {
  return `${path} ${role} ${holderId}`;
}

function sameSet(left: readonly string[], right: readonly string[]): boolean {
  return left.length === right.length && left.every((one) => right.includes(one));
}

function isPast(atMs: number | undefined, nowMs: number): boolean {
  return atMs !== undefined && atMs <= nowMs;
}
