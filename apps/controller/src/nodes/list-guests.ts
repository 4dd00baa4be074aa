import { type GuestResource, ProxmoxError, UnreachableError } from '@tacet/proxmox';
import { describeError } from '@tacet/runtime';
import type { KnownGuest } from '../store/known-guests.ts';
import { clientOf, type ConfiguredNode } from './node.ts';

/** What one configured node shows, of its whole cluster. */
export interface NodeGuests {
  /** The name of the configured node. */
  readonly through: string;
  readonly guests: readonly KnownGuest[];
  /** Why there may be more than it shows. */
  readonly incompleteBecause: string | undefined;
}

/** Every guest that a token may back up. One that only the restore token sees is no such guest. */
export async function listGuests(
  nodes: readonly ConfiguredNode[],
  speakerFor: (resource: GuestResource, node: ConfiguredNode) => ConfiguredNode,
  signal: AbortSignal,
): Promise<NodeGuests[]> {
  return await Promise.all(
    nodes.map(async (node) => {
      const { seen, incompleteBecause } = await resourcesOf(node, signal);
      const guests = seen.map((resource): KnownGuest => {
        const { vmid, name, tags, pool } = resource;
        const { storage } = speakerFor(resource, node).config;
        return { vmid, name, tags, pool, node: resource.node, storage };
      });
      return { through: node.config.name, guests, incompleteBecause };
    }),
  );
}

async function resourcesOf(
  node: ConfiguredNode,
  signal: AbortSignal,
): Promise<{ seen: GuestResource[]; incompleteBecause: string | undefined }> {
  const seen = new Map<number, GuestResource>();
  let incompleteBecause: string | undefined;
  for (const [vmid, client] of [[undefined, node.backup] as const, ...node.guests]) {
    // One token may see a guest that another one is for: that is known by then.
    if (client === undefined || (vmid !== undefined && seen.has(vmid))) continue;
    try {
      for (const resource of await client.api.cluster.guests({ signal })) {
        if (clientOf(node, resource.vmid) !== undefined) seen.set(resource.vmid, resource);
      }
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof ProxmoxError)) throw error;
      incompleteBecause ??= describeError(error);
      if (error instanceof UnreachableError) break; // the others would wait for the same silence
      continue;
    }
    // A token that was taken its rights is shown a list without its guest, and no error.
    if (vmid !== undefined && !seen.has(vmid))
      incompleteBecause ??= `it does not show guest ${vmid} to its token`;
  }
  return { seen: [...seen.values()], incompleteBecause };
}
