import type { Verdict as VerdictData } from '@tacet/protocol';
import { consistencySaid, meaningOf, proofMoments } from '../../model/verdict.ts';
import { Say } from '../../ui/mark.tsx';
import { At } from '../../ui/moment.tsx';

/** What a backup is worth, and how anybody can know. */
export function Verdict({ verdict }: { verdict: VerdictData }) {
  const { consistency, message, proof, uncovered } = verdict;
  return (
    <div className="verdict">
      <p className="verdict-word">
        <Say said={consistencySaid(consistency)} />
      </p>
      <p>{message.charAt(0).toUpperCase() + message.slice(1)}.</p>
      <p className="quiet">{meaningOf(verdict)}</p>
      {proof !== null && (
        <details className="more" open>
          <summary>The proof</summary>
          <ol className="proof">
            {proofMoments(proof).map(({ at, words, quote }) => (
              <li key={words}>
                <At at={at} precise />
                <div>
                  <p>{words}</p>
                  {quote !== null && <p className="quote mono">{quote}</p>}
                </div>
              </li>
            ))}
          </ol>
          <p className="quiet">All by the controller's clock: no two clocks are compared.</p>
        </details>
      )}
      {uncovered.length > 0 && (
        <details className="more" open>
          <summary>Not held ({uncovered.length})</summary>
          <ul className="plain">
            {uncovered.map(({ stack, service, reason }) => (
              <li key={`${stack}/${service}`}>
                <strong>
                  {stack}/{service}
                </strong>{' '}
                <span className="quiet">{reason}</span>
              </li>
            ))}
          </ul>
        </details>
      )}
    </div>
  );
}
