import { tacetRoles } from '@tacet/proxmox';
import type { AccessState } from './access-state.ts';
import type { Plan } from './plan.ts';
import { fullTokenId, type Step } from './step.ts';
import type { TokenWish } from './wish.ts';

/**
 * Removes tokens, their secrets, and what their user holds for no other token. The tokens go first: what is
 * left of a plan that was cut off harms nobody, and the next one finds it.
 */
export function planRevoke(
  state: AccessState,
  userId: string,
  tokens: readonly Pick<TokenWish, 'tokenId' | 'secretFile'>[],
  stored: ReadonlySet<string>,
): Plan {
  const goes = new Set(tokens.map(({ tokenId }) => tokenId));
  const stays = state.tokens.filter(({ tokenId }) => !goes.has(tokenId));
  const needed = new Set(
    state.acl
      .filter(({ holderId }) => stays.some(({ tokenId }) => fullTokenId(userId, tokenId) === holderId))
      .map(({ path, role }) => `${path} ${role}`),
  );
  const ours = new Set(tacetRoles.map(({ role }) => role));
  // A token without separation may live on anything that its user has.
  const orphans = stays.some(({ separated }) => !separated)
    ? []
    : state.acl.filter(
        ({ holderId, path, role }) => holderId === userId && ours.has(role) && !needed.has(`${path} ${role}`),
      );
  return {
    steps: [
      ...state.tokens
        .filter(({ tokenId }) => goes.has(tokenId))
        .map(({ tokenId }): Step => ({ kind: 'delete-token', userId, tokenId })),
      ...orphans.map(({ path, role }): Step => ({ kind: 'withdraw', path, role, userId })),
      ...tokens
        .filter(({ tokenId }) => stored.has(tokenId))
        .map(({ tokenId, secretFile }): Step => ({ kind: 'remove-secret', tokenId, secretFile })),
    ],
    obstacles: [],
    remarks: [],
  };
}
