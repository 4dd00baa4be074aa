import { type Clock, Undo } from '@tacet/runtime';
import { ProxmoxError, type GuestResource } from '@tacet/proxmox';
import type { Vault } from '../at-rest/vault.ts';
import type { NodeConfig } from '../config.ts';
import { Failure } from '../failure.ts';
import type { NodePort, NodesPort } from '../jobs/ports.ts';
import { asNodeFailure } from './node-failure.ts';
import { listGuests, type NodeGuests } from './list-guests.ts';
import { clientOf, type ConfiguredNode, nodePort, openNode } from './node.ts';

/** The configured nodes, and through them the other members of their clusters. */
export class Nodes implements NodesPort, AsyncDisposable {
  readonly #nodes: readonly ConfiguredNode[];
  readonly #clock: Clock;
  /** For display only: guests move. */
  readonly #lastSeenOn = new Map<number, ConfiguredNode>();

  private constructor(nodes: readonly ConfiguredNode[], clock: Clock) {
    this.#nodes = nodes;
    this.#clock = clock;
  }

  /** @throws Failure `invalid-input` for a secret or certificate that cannot be used. */
  static async open(configs: readonly NodeConfig[], clock: Clock, vault: Vault): Promise<Nodes> {
    const nodes: ConfiguredNode[] = [];
    for (const config of configs) nodes.push(await openNode(config, clock, vault));
    return new Nodes(nodes, clock);
  }

  get configured(): readonly ConfiguredNode[] {
    return this.#nodes;
  }

  /** Which of what is shown is not real. */
  get simulation(): { nodes: readonly string[]; isSimulated(vmid: number | null): boolean } {
    const simulated = this.#nodes.filter(({ config }) => config.simulated);
    const all = simulated.length > 0 && simulated.length === this.#nodes.length;
    return {
      nodes: simulated.map(({ config }) => config.name),
      // A guest that nobody has looked for yet is taken for real unless nothing here is.
      isSimulated: (vmid) => (vmid !== null && this.#lastSeenOn.get(vmid)?.config.simulated) || all,
    };
  }

  async locate(vmid: number, signal: AbortSignal): Promise<NodePort> {
    const seen = await this.#look(vmid, signal);
    if (seen !== undefined) {
      return nodePort(seen.resource.node, this.#speakerFor(seen, vmid), vmid, this.#clock);
    }
    throw new Failure('not-found', `no configured node shows a guest ${vmid}`, {
      hint: `It does not exist, or no token for it is configured, or that lacks VM.Audit on /vms/${vmid}.`,
    });
  }

  byName(name: string, vmid: number): NodePort {
    const node = this.#nodes.find(({ config }) => config.name === name) ?? this.#nodes[0];
    if (node !== undefined) return nodePort(name, node, vmid, this.#clock);
    throw new Failure('not-found', `no node ${name} is configured`);
  }

  async exists(vmid: number, signal: AbortSignal): Promise<boolean> {
    return (await this.#look(vmid, signal)) !== undefined;
  }

  /** Every guest that a token may back up, node by node. */
  async guests(signal: AbortSignal): Promise<NodeGuests[]> {
    return await listGuests(
      this.#nodes,
      (resource, node) => this.#speakerFor({ resource, node }, resource.vmid),
      signal,
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await using undo = new Undo();
    for (const { backup, guests, restore } of this.#nodes) {
      for (const client of [backup, ...guests.values(), restore]) undo.defer(() => client?.api.close());
    }
  }

  /** A node that cannot be reached is no answer; only when all are silent is that the news. */
  async #look(
    vmid: number,
    signal: AbortSignal,
  ): Promise<{ resource: GuestResource; node: ConfiguredNode } | undefined> {
    const failures: unknown[] = [];
    for (const node of this.#nodes) {
      for (const client of [node.restore, clientOf(node, vmid)]) {
        if (client === undefined) continue;
        try {
          const guests = await client.api.cluster.guests({ signal });
          const resource = guests.find((guest) => guest.vmid === vmid);
          if (resource === undefined) continue;
          this.#lastSeenOn.set(vmid, node);
          return { resource, node };
        } catch (error) {
          signal.throwIfAborted();
          if (!(error instanceof ProxmoxError)) throw error;
          failures.push(error);
        }
      }
    }
    if (failures.length === 0) return undefined;
    throw asNodeFailure(failures[0], `cannot find out where guest ${vmid} is`);
  }

  /** The node's own API where it is configured: one hop less, and no hop that can break during a hold. */
  #speakerFor(
    { resource, node }: { resource: GuestResource; node: ConfiguredNode },
    vmid: number,
  ): ConfiguredNode {
    const own = this.#nodes.find(({ config }) => config.name === resource.node);
    // A guest that has moved has its token where it was before; it is good in the whole cluster.
    return own !== undefined && clientOf(own, vmid) !== undefined ? own : node;
  }
}
