import type { Regenerable } from '@tacet/protocol';

/** One thing that is another now; both words are fingerprints, never the thing itself. */
export interface Change {
  /** As `machine-id` or `ssh_host_ed25519_key`. */
  readonly name: string;
  readonly before: string;
  readonly after: string;
}

export type Regenerated =
  | { readonly kind: 'changed'; readonly changes: readonly Change[]; readonly takesEffect: string }
  /** There is nothing that could be shared. */
  | { readonly kind: 'nothing'; readonly because: string };

/**
 * How a guest makes what it must not share anew. Each leaves everything as it was where it fails, also where the
 * agent dies in its middle: then its next call first undoes what was begun. @throws TacetError
 */
export type Regenerators = Readonly<Record<Regenerable, (signal: AbortSignal) => Promise<Regenerated>>>;
