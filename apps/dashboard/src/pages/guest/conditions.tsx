import type { Condition } from '@tacet/protocol';
import { conditionSaid } from '../../model/state.ts';
import { Mark } from '../../ui/mark.tsx';
import { Ago } from '../../ui/moment.tsx';
import { Empty } from '../../ui/panel.tsx';

const rank: Record<Condition['status'], number> = { False: 0, Unknown: 1, True: 2 };

/** `Ready`, which is the sum of the others, first; then what is wrong. */
export function Conditions({ conditions }: { conditions: readonly Condition[] }) {
  if (conditions.length === 0) return <Empty title="Its agent has not said anything yet." />;
  const ordered = conditions.toSorted(
    (a, b) => Number(b.type === 'Ready') - Number(a.type === 'Ready') || rank[a.status] - rank[b.status],
  );
  return (
    <ul className="conditions">
      {ordered.map(({ type, status, reason, message, lastTransitionTime }) => {
        const { tone, words } = conditionSaid(status);
        return (
          <li key={type} className={type === 'Ready' ? 'condition condition-sum' : 'condition'}>
            <Mark tone={tone} />
            <div>
              <p>
                <strong>{inWords(type)}</strong> <span className="quiet">{words}</span>
              </p>
              <p className="condition-words">{message}</p>
              <p className="quiet">
                <span className="mono">{reason}</span>
                {lastTransitionTime > 1 && (
                  <>
                    , since <Ago at={lastTransitionTime} bare />
                  </>
                )}
              </p>
            </div>
          </li>
        );
      })}
    </ul>
  );
}

/** `RestartPoliciesEnforced` as people write it. */
function inWords(type: Condition['type']): string {
  const words = type.replaceAll(/(?<=[a-z])(?=[A-Z])/g, ' ').toLowerCase();
  return words.charAt(0).toUpperCase() + words.slice(1);
}
