import type { FleetSummary } from '../../model/fleet.ts';
import { plural } from '../../model/numbers.ts';
import type { Tone } from '../../model/state.ts';
import { Mark } from '../../ui/mark.tsx';

/** What needs me, in a sentence. */
export function headline({ act, watch, total }: FleetSummary): string {
  if (act > 0) return `${plural(act, 'guest')} ${act === 1 ? 'needs' : 'need'} you now`;
  if (watch > 0) return `${plural(watch, 'guest')} to look at, nothing urgent`;
  return total === 0 ? 'No guests yet' : 'Nothing needs you';
}

interface AnswerTile {
  readonly question: string;
  readonly tone: Tone;
  readonly count: number;
  readonly words: string;
}

/** The three questions that the page is opened for. */
export function FleetAnswers({ summary }: { summary: FleetSummary }) {
  const { total, ready, consistent, proven } = summary;
  const tiles: AnswerTile[] = [
    {
      question: 'Everything backed up consistently?',
      tone: consistent === total ? 'good' : 'watch',
      count: consistent,
      words: 'app-consistent, proven, as new as their schedules want',
    },
    {
      question: 'Would it come back?',
      tone: proven === total ? 'good' : 'unknown',
      count: proven,
      words: 'came back from a restore, and became ready',
    },
    {
      question: 'Does everything run?',
      tone: ready === total ? 'good' : 'bad',
      count: ready,
      words: 'ready: all that should run runs',
    },
  ];
  return (
    <ul className="answers">
      {tiles.map(({ question, tone, count, words }) => (
        <li key={question} className="answer">
          <h2>{question}</h2>
          <p className="answer-figure">
            <Mark tone={tone} />
            <span>
              {count} <span className="answer-of">of {total}</span>
            </span>
          </p>
          <p className="quiet">{words}</p>
        </li>
      ))}
    </ul>
  );
}
