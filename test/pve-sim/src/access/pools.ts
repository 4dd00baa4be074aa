export interface Pool {
  readonly comment: string | undefined;
  readonly vmids: Set<number>;
}

export const poolPath = (pool: string): string => `/pool/${pool}`;

/** Which guests are in which pool; a guest is in one at most. */
export class Pools {
  readonly #pools: Map<string, Pool>;

  constructor(members: Readonly<Record<string, readonly number[]>>) {
    this.#pools = new Map(
      Object.entries(members).map(([pool, vmids]) => [pool, { comment: undefined, vmids: new Set(vmids) }]),
    );
  }

  get(pool: string): Pool | undefined {
    return this.#pools.get(pool);
  }

  names(): string[] {
    return [...this.#pools.keys()].toSorted();
  }

  create(pool: string, comment: string | undefined): void {
    this.#pools.set(pool, { comment, vmids: new Set() });
  }

  delete(pool: string): void {
    this.#pools.delete(pool);
  }

  members(): number[] {
    return [...this.#pools.values()].flatMap(({ vmids }) => [...vmids]);
  }

  of(vmid: number): string | undefined {
    return [...this.#pools].find(([, { vmids }]) => vmids.has(vmid))?.[0];
  }

  /** @param path `/vms/201`; no other is in a pool here. */
  ofPath(path: string): string | undefined {
    const [, vmid] = /^\/vms\/(\d+)$/.exec(path) ?? [];
    return vmid === undefined ? undefined : this.of(Number(vmid));
  }

  /** A guest that is destroyed leaves its pool. */
  forget(vmid: number): void {
    for (const { vmids } of this.#pools.values()) vmids.delete(vmid);
  }
}
