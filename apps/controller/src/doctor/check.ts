import type { DoctorFinding, FindingId } from '@tacet/protocol';
import type { GuestFacts, HouseFacts, NodeFacts, StorageFacts } from './facts.ts';

/** A finding of whatever was being looked at. */
export interface Found extends Omit<DoctorFinding, 'about' | 'evidence' | 'commands'> {
  readonly evidence?: readonly string[];
  readonly commands?: readonly string[];
}

/** Findings, none of which means that all is in order; what could not be judged; or nothing to judge. */
export type Judgement = readonly Found[] | { readonly notKnown: string } | 'not-applicable';

/** One thing that can be wrong. Pure: it judges facts, and asks nobody. */
export interface Check {
  /** What is looked at, as a person would say it. */
  readonly what: string;
  /** Every finding that it can make. */
  readonly finds: readonly FindingId[];
  readonly node?: (node: NodeFacts, house: HouseFacts) => Judgement;
  readonly storage?: (storage: StorageFacts, house: HouseFacts) => Judgement;
  readonly guest?: (guest: GuestFacts, house: HouseFacts) => Judgement;
}

export function notKnown(because: string): Judgement {
  return { notKnown: because };
}
