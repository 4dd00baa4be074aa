import type { QuiesceState } from '@tacet/protocol';

/**
 * The states of a quiesce, as in a two-phase commit. Any failure and any deadline lead to `thawing`, and
 * `thawing` leads only to `idle`: there is no way to stay held by mistake.
 */
export type QuiesceTransition =
  | 'prepare-started'
  | 'prepare-finished'
  | 'hold-started'
  | 'hold-finished'
  | 'thaw-started'
  | 'thaw-finished';

const transitions: Record<QuiesceState, Partial<Record<QuiesceTransition, QuiesceState>>> = {
  idle: { 'prepare-started': 'preparing' },
  preparing: { 'prepare-finished': 'prepared', 'thaw-started': 'thawing' },
  prepared: { 'hold-started': 'holding', 'thaw-started': 'thawing' },
  holding: { 'hold-finished': 'held', 'thaw-started': 'thawing' },
  held: { 'thaw-started': 'thawing' },
  thawing: { 'thaw-finished': 'idle' },
};

/** The next state, or undefined where the transition is not allowed from here. */
export function nextQuiesceState(
  state: QuiesceState,
  transition: QuiesceTransition,
): QuiesceState | undefined {
  return transitions[state][transition];
}

/** True where something may be held, so that a thaw is owed. */
export function owesThaw(state: QuiesceState): boolean {
  return state === 'holding' || state === 'held' || state === 'thawing';
}
