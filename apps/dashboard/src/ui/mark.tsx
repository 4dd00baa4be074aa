import type { Said, Tone } from '../model/state.ts';

/** A shape for each tone, so that the colour is never the only sign. */
const shapes: Record<Tone, string> = {
  good: 'M8 1a7 7 0 1 0 0 14A7 7 0 0 0 8 1Zm3.9 4.9-4.6 5.2a.8.8 0 0 1-1.2 0L4.1 8.9l1.2-1.1 1.4 1.6 4-4.6 1.2 1.1Z',
  watch:
    'M8.9 1.6 15.4 13a1 1 0 0 1-.9 1.6H1.5A1 1 0 0 1 .6 13L7.1 1.6a1 1 0 0 1 1.8 0ZM7.2 5.5l.2 4.4h1.2l.2-4.4H7.2ZM8 11a.9.9 0 1 0 0 1.9A.9.9 0 0 0 8 11Z',
  bad: 'M5 1h6l4 4v6l-4 4H5l-4-4V5l4-4Zm.9 3.7L4.7 5.9 6.8 8l-2.1 2.1 1.2 1.2L8 9.2l2.1 2.1 1.2-1.2L9.2 8l2.1-2.1-1.2-1.2L8 6.8 5.9 4.7Z',
  unknown:
    'M8 1a7 7 0 1 0 0 14A7 7 0 0 0 8 1Zm0 1.5a5.5 5.5 0 1 1 0 11 5.5 5.5 0 0 1 0-11ZM4.8 7.2v1.6h6.4V7.2H4.8Z',
  busy: 'M8 1a7 7 0 1 0 0 14A7 7 0 0 0 8 1Zm0 1.5v11a5.5 5.5 0 0 1 0-11Z',
};

export function Mark({ tone }: { tone: Tone }) {
  return (
    <svg viewBox="0 0 16 16" aria-hidden="true" className={`mark tone-${tone}`}>
      <path d={shapes[tone]} fill="currentColor" fillRule="evenodd" />
    </svg>
  );
}

/** A state in a mark and in words. */
export function Say({ said: { tone, words } }: { said: Said }) {
  return (
    <span className="say">
      <Mark tone={tone} />
      <span>{words}</span>
    </span>
  );
}
