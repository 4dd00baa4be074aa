import { systemClock } from '@tacet/runtime';
import type { Endpoint, Reply } from './api/endpoint.ts';
import { PveError } from './api/errors.ts';
import type { SimTiming } from './options.ts';

/**
 * What can be wrong between the node that is asked and the one that should answer: no route to it, its
 * port closed, something else than TLS on it; or pvedaemon down, or there but hanging. pveproxy itself
 * still answers in the last two.
 */
export type NodeFault = 'no-route' | 'refused' | 'no-tls' | 'daemon-down' | 'daemon-hung';

interface Active {
  readonly fault: NodeFault;
  /** Calls that a hung daemon has not carried out yet, given up by their callers or not. */
  hanging: number;
  readonly cleared: Promise<void>;
  readonly clear: () => void;
}

/** Nodes as they are reached through the one that is asked. */
export class NodeFaults {
  readonly #nodes: readonly string[];
  readonly #timing: SimTiming;
  readonly #active = new Map<string, Active>();

  constructor(nodes: readonly string[], timing: SimTiming) {
    this.#nodes = nodes;
    this.#timing = timing;
  }

  set(node: string, fault: NodeFault | undefined): void {
    this.#active.get(node)?.clear();
    this.#active.delete(node);
    if (fault === undefined) return;
    const { promise: cleared, resolve: clear } = Promise.withResolvers<void>();
    this.#active.set(node, { fault, hanging: 0, cleared, clear });
  }

  hanging(node: string): number {
    return this.#active.get(node)?.hanging ?? 0;
  }

  clearAll(): void {
    for (const node of this.#active.keys()) this.set(node, undefined);
  }

  /** Runs the handler on its node, or throws the 500, 595 or 596 that comes instead. */
  async through(node: string, endpoint: Endpoint, run: () => Promise<Reply>): Promise<Reply> {
    if (!this.#nodes.includes(node)) {
      const why = /^[a-z0-9]/i.test(node)
        ? 'Temporary failure in name resolution'
        : 'Name or service not known';
      throw new PveError(
        500,
        `hostname lookup '${node}' failed - failed to get address info for: ${node}: ${why}`,
      );
    }
    const active = this.#active.get(node);
    if (active === undefined) return await run();
    const { fault, cleared } = active;
    if (fault === 'no-route') {
      await systemClock.sleep(this.#timing.noRouteMs);
      throw new PveError(595, 'No route to host');
    }
    if (fault === 'refused') throw new PveError(595, 'Connection refused');
    if (fault === 'no-tls') throw new PveError(596, 'error:0A00010B:SSL routines::wrong version number');
    if (endpoint.protected !== true) return await run();
    if (fault === 'daemon-down') throw new PveError(595, 'Connection refused');
    active.hanging += 1;
    return await this.#hang(cleared, run);
  }

  /** The caller gives up after a while; the daemon carries the call out once it can. */
  async #hang(cleared: Promise<void>, run: () => Promise<Reply>): Promise<Reply> {
    const late = cleared.then(run);
    const timeout = systemClock.sleep(this.#timing.proxyTimeoutMs).then(() => {
      // Nobody hears any more how the call ends.
      late.catch(() => undefined);
      throw new PveError(596, 'Connection timed out');
    });
    return await Promise.race([late, timeout]);
  }
}
