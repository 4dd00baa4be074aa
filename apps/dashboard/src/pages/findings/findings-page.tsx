import { type DoctorFinding, type DoctorReport, doctorReportSchema, type Severity } from '@tacet/protocol';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { Link } from 'wouter';
import { doctorQuery } from '../../api/queries.ts';
import { useChange, useMay } from '../../api/session.ts';
import { plural } from '../../model/numbers.ts';
import type { Tone } from '../../model/state.ts';
import { Answer } from '../../ui/answer.tsx';
import { CopyButton } from '../../ui/copy-button.tsx';
import { Mark } from '../../ui/mark.tsx';
import { Ago } from '../../ui/moment.tsx';
import { PageHead } from '../../ui/page-head.tsx';
import { Empty, Panel } from '../../ui/panel.tsx';
import { ProblemNote } from '../../ui/problem-note.tsx';

/** What the doctor found: what would make a backup or a restore fail, or worth less. */
export function FindingsPage() {
  const client = useQueryClient();
  const report = useQuery(doctorQuery);
  const mayExamine = useMay('operator');
  const examine = useChange(doctorReportSchema, (found) => {
    client.setQueryData(doctorQuery.queryKey, found ?? null);
  });
  return (
    <>
      <PageHead
        title="Findings"
        heading={report.data == null ? 'Findings' : headline(report.data)}
        actions={
          mayExamine && (
            <button
              type="button"
              className="button button-main"
              disabled={examine.isPending}
              onClick={() => examine.mutate({ path: '/doctor', body: {} })}
            >
              {examine.isPending ? 'Examining…' : 'Examine now'}
            </button>
          )
        }
      >
        {report.data == null ? (
          'What would make a backup or a restore fail, or worth less'
        ) : (
          <Examined report={report.data} />
        )}
      </PageHead>
      {examine.isError && <ProblemNote error={examine.error} />}
      <Answer query={report} lines={8}>
        {(data) =>
          data === null ? (
            <Empty title="Nothing has been examined yet.">
              <p>An examination looks at nodes, storages, tokens and guests. It changes nothing.</p>
            </Empty>
          ) : (
            <Report report={data} />
          )
        }
      </Answer>
    </>
  );
}

function headline({ findings }: DoctorReport): string {
  const count = (severity: Severity): number => findings.filter((one) => one.severity === severity).length;
  if (findings.length === 0) return 'Nothing to find fault with';
  const severities = ['error', 'warning', 'notice'] as const;
  return severities
    .filter((severity) => count(severity) > 0)
    .map((severity) => plural(count(severity), severity))
    .join(', ');
}

function Examined({ report: { finishedAt, examined, complete } }: { report: DoctorReport }) {
  return (
    <>
      Examined <Ago at={finishedAt} />: {examined.inOrder} of {plural(examined.points, 'point')} in order, on{' '}
      {plural(examined.nodes, 'node')} and {plural(examined.guests, 'guest')}
      {!complete && '; not everything was looked at'}
    </>
  );
}

function Report({ report: { findings, notKnown } }: { report: DoctorReport }) {
  return (
    <div className="stack">
      {findings.map((finding) => (
        <Finding key={`${finding.id} ${aboutOf(finding)}`} finding={finding} />
      ))}
      {notKnown.length > 0 && (
        <Panel title={`Not known (${notKnown.length})`}>
          <p className="quiet">Neither in order nor a finding: it could not be looked at.</p>
          <ul className="conditions">
            {notKnown.map((one) => (
              <li key={`${aboutOf(one)} ${one.what}`} className="condition">
                <Mark tone="unknown" />
                <div>
                  <p>
                    <strong>{aboutOf(one)}</strong> {one.what}
                  </p>
                  <p className="quiet">{one.because}</p>
                </div>
              </li>
            ))}
          </ul>
        </Panel>
      )}
    </div>
  );
}

const tones: Record<Severity, Tone> = { error: 'bad', warning: 'watch', notice: 'unknown' };

function Finding({ finding }: { finding: DoctorFinding }) {
  const { severity, message, evidence, remedy, commands, about, id } = finding;
  return (
    <article className="panel finding">
      <h2>
        <Mark tone={tones[severity]} />
        <span>{message.charAt(0).toUpperCase() + message.slice(1)}</span>
      </h2>
      <p className="quiet">
        {severity} ·{' '}
        {about.kind === 'guest' ? (
          <Link href={`/guests/${about.vmid}`}>{aboutOf(finding)}</Link>
        ) : (
          aboutOf(finding)
        )}{' '}
        · <span className="mono">{id}</span>
      </p>
      <p>{remedy}</p>
      {commands.length > 0 && (
        <>
          <pre className="command mono" tabIndex={0}>
            {commands.join('\n')}
          </pre>
          <p>
            <CopyButton text={commands.join('\n')} />{' '}
            <span className="quiet">for a root shell on the node</span>
          </p>
        </>
      )}
      {evidence.length > 0 && (
        <details className="more">
          <summary>What was seen</summary>
          <ul className="plain mono">
            {evidence.map((line) => (
              <li key={line}>{line}</li>
            ))}
          </ul>
        </details>
      )}
    </article>
  );
}

function aboutOf({ about }: Pick<DoctorFinding, 'about'>): string {
  if (about.kind === 'guest') return `guest ${about.vmid}`;
  return about.kind === 'node' ? `node ${about.node}` : `storage ${about.storage} on ${about.node}`;
}
