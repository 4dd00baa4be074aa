import type { GuestResource } from '@tacet/proxmox';
import type { Clock } from '@tacet/runtime';
import type { ControllerConfig } from '../config.ts';
import type { ConfiguredNode, TokenClient } from '../nodes/node.ts';
import { type Ask, type Attempt, failed } from './attempt.ts';
import type { NodeFacts } from './facts.ts';
import { gatherHook } from './gather-hook.ts';
import { gatherToken, rejection } from './gather-token.ts';

/** A node with what is asked of it more than once. */
export interface AskedNode {
  readonly node: ConfiguredNode;
  readonly facts: Omit<NodeFacts, 'guests'>;
  /** Why nothing can be asked of it; undefined where something can. */
  readonly down: unknown;
  /** The guests that a token shows, asked once a token. */
  readonly shownTo: (client: TokenClient) => Promise<Attempt<GuestResource[]>>;
}

export async function askNode(
  node: ConfiguredNode,
  hook: ControllerConfig['hook'],
  clock: Clock,
  ask: Ask,
): Promise<AskedNode> {
  const { config, backup, restore, guests } = node;
  const [first] = [restore, backup, ...guests.values()].filter((client) => client !== undefined);
  if (first === undefined)
    throw new Error(`node ${config.name} has no token, which its configuration forbids`);
  const reading = await ask(async (signal) => {
    const sentAtMs = clock.now();
    const { nodeMs } = await first.api.cluster.clock({ signal });
    return { nodeMs, sentAtMs, receivedAtMs: clock.now() };
  });
  const down = reading.ok ? undefined : reading.error;
  const [shared, operator, seenHook] = await Promise.all([
    backup && gatherToken(backup, 'shared', ask, down),
    restore && gatherToken(restore, 'restore', ask, down),
    gatherHook(config.name, hook, ask),
  ]);
  const shown = new Map<TokenClient, Promise<Attempt<GuestResource[]>>>();
  return {
    node,
    down,
    facts: {
      name: config.name,
      url: config.url,
      trust: 'ca' in config.trust ? 'ca' : 'fingerprint',
      clock: reading,
      shared,
      restore: operator,
      hook: seenHook,
    },
    shownTo(client) {
      const refused = [
        client === backup && shared && rejection(shared),
        client === restore && operator && rejection(operator),
      ].find((error) => error !== undefined && error !== false);
      const because = down ?? refused;
      const list =
        shown.get(client) ??
        (because === undefined
          ? ask((signal) => client.api.cluster.guests({ signal }))
          : Promise.resolve(failed(because)));
      shown.set(client, list);
      return list;
    },
  };
}
