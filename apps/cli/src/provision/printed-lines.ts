import { type AccessState, nothingYet } from './access-state.ts';
import { planProvision } from './plan.ts';
import { pveumLine } from './pveum.ts';
import { fullTokenId } from './step.ts';
import type { Wish } from './wish.ts';

/**
 * The whole way for a root shell on the node, without having looked at it: from nothing to what is wished for, or
 * from there to tokens with new secrets.
 */
export function printedLines(wish: Wish, mode: 'provision' | 'rotate'): string[] {
  const rotate = new Set(mode === 'rotate' ? wish.tokens.map(({ tokenId }) => tokenId) : []);
  const state = mode === 'rotate' ? fulfilled(wish) : nothingYet;
  const plan = planProvision(state, wish, { stored: new Set(), rotate, fixRoles: false, nowMs: 0 });
  return plan.steps.map(pveumLine);
}

/** A node that has what is wished for, and nothing else. */
export function fulfilled({ userId, roles, pools, tokens }: Wish): AccessState {
  return {
    roles: new Map(roles.map(({ role, privileges }) => [role, privileges])),
    user: { enabled: true, expiresAtMs: undefined },
    pools: new Set(pools),
    tokens: tokens.map(({ tokenId }) => ({ tokenId, separated: true, expiresAtMs: undefined })),
    acl: tokens.flatMap(({ tokenId, grants }) =>
      grants.flatMap((grant) => [
        { ...grant, holder: 'user' as const, holderId: userId, propagate: true },
        { ...grant, holder: 'token' as const, holderId: fullTokenId(userId, tokenId), propagate: true },
      ]),
    ),
  };
}
