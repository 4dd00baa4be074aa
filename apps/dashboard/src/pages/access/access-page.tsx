import { useQuery } from '@tanstack/react-query';
import { auditQuery } from '../../api/queries.ts';
import { useMay } from '../../api/session.ts';
import { Answer } from '../../ui/answer.tsx';
import { Mark } from '../../ui/mark.tsx';
import { At } from '../../ui/moment.tsx';
import { PageHead } from '../../ui/page-head.tsx';
import { Empty, Panel } from '../../ui/panel.tsx';
import { Accounts } from './accounts.tsx';
import { Tokens } from './tokens.tsx';

/** Who may do what, and who did what. */
export function AccessPage() {
  if (!useMay('admin')) {
    return (
      <>
        <PageHead title="Access" />
        <Empty title="Only an admin sees who may do what." />
      </>
    );
  }
  return (
    <>
      <PageHead title="Access">Who may do what, and who did what</PageHead>
      <div className="guest">
        <Accounts />
        <Tokens />
        <Audit />
      </div>
    </>
  );
}

const tones = { done: 'good', refused: 'watch', failed: 'bad' } as const;

function Audit() {
  const audit = useQuery({ ...auditQuery, refetchInterval: 30_000 });
  return (
    <Panel title="Audit" className="wide">
      <p className="quiet">What was changed or asked wrongly, by whom and from where; the newest hundred.</p>
      <Answer query={audit} lines={8}>
        {(entries) =>
          entries.length === 0 ? (
            <Empty title="Nobody has done anything yet." />
          ) : (
            <div className="scroll" tabIndex={0} role="region" aria-label="Audit entries">
              <table>
                <thead>
                  <tr>
                    <th scope="col">When</th>
                    <th scope="col">Who</th>
                    <th scope="col">What</th>
                    <th scope="col">Outcome</th>
                    <th scope="col">From</th>
                    <th scope="col">Request</th>
                  </tr>
                </thead>
                <tbody>
                  {entries.map(({ sequence, at, who, what, outcome, code, address, method, path }) => (
                    <tr key={sequence}>
                      <td>
                        <At at={at} />
                      </td>
                      <td>
                        {who === null ? <span className="quiet">nobody known</span> : who.name}
                        {who?.kind === 'token' && <span className="quiet"> (token)</span>}
                      </td>
                      <td>{what}</td>
                      <td>
                        <span className="say">
                          <Mark tone={tones[outcome]} />
                          {code ?? outcome}
                        </span>
                      </td>
                      <td className="number">{address}</td>
                      <td className="mono quiet">
                        {method} {path}
                      </td>
                    </tr>
                  ))}
                </tbody>
              </table>
            </div>
          )
        }
      </Answer>
    </Panel>
  );
}
