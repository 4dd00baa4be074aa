import type { NodeView } from '@tacet/protocol';
import { type Clock, describeError, runWithin } from '@tacet/runtime';
import type { ConfiguredNode } from './node.ts';

/** Whoever looks at a page waits no longer for a node that is silent. */
const PATIENCE_MS = 4_000;

/** The configured nodes with the names of their tokens; each is asked whether it answers, all at once. */
export async function describeNodes(
  nodes: readonly ConfiguredNode[],
  clock: Clock,
  signal: AbortSignal,
): Promise<NodeView[]> {
  return await Promise.all(
    nodes.map(async (node): Promise<NodeView> => {
      const { config, backup, restore, guests } = node;
      const { name, url, simulated, storage, restoreStorage = null } = config;
      return {
        name,
        url,
        simulated,
        trust: 'ca' in config.trust ? 'ca' : 'fingerprint',
        storage,
        restoreStorage,
        reachable: await ask(node, clock, signal),
        tokens: {
          shared: backup?.tokenId ?? null,
          restore: restore?.tokenId ?? null,
          guests: [...guests].map(([vmid, { tokenId }]) => ({ vmid, token: tokenId })),
        },
      };
    }),
  );
}

async function ask(
  { config, backup, restore, guests }: ConfiguredNode,
  clock: Clock,
  signal: AbortSignal,
): Promise<NodeView['reachable']> {
  const [client] = [restore, backup, ...guests.values()].filter((one) => one !== undefined);
  const sentMs = clock.monotonicMs();
  try {
    if (client === undefined) throw new Error('no token is configured for it');
    const work = (within: AbortSignal): Promise<unknown> => client.api.cluster.clock({ signal: within });
    await runWithin(signal, PATIENCE_MS, `the answer of ${config.name}`, work, { clock });
    return { answered: true, at: clock.now(), tookMs: clock.monotonicMs() - sentMs };
  } catch (error) {
    signal.throwIfAborted();
    return { answered: false, at: clock.now(), why: describeError(error) };
  }
}
