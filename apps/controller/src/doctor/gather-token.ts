import { UnauthorizedError } from '@tacet/proxmox';
import type { TokenClient } from '../nodes/node.ts';
import { type Ask, failed } from './attempt.ts';
import type { TokenFacts } from './facts.ts';

/** @param down why the node cannot be asked at all, where it cannot. */
export async function gatherToken(
  { tokenId: id, api }: TokenClient,
  tier: TokenFacts['tier'],
  ask: Ask,
  down: unknown,
): Promise<TokenFacts> {
  if (down !== undefined) return { id, tier, permissions: failed(down), acl: [] };
  const permissions = await ask((signal) => api.cluster.permissions({ signal }));
  // Empty for nearly every token; one that may look tells which half of a grant is missing.
  const acl = permissions.ok ? await ask((signal) => api.access.acl({ signal })) : undefined;
  return { id, tier, permissions, acl: acl?.ok === true ? acl.value : [] };
}

/** Why there is no use in asking more with it: each refusal takes three seconds. */
export function rejection({ permissions }: TokenFacts): unknown {
  return !permissions.ok && permissions.error instanceof UnauthorizedError ? permissions.error : undefined;
}
