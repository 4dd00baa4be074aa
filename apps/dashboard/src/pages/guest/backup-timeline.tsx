import type { Operation, Verdict } from '@tacet/protocol';
import { bytesOf, durationOf } from '../../model/numbers.ts';
import { type Phase, phasesOf, type StallChart, stallChart } from '../../model/timeline.ts';
import { Empty } from '../../ui/panel.tsx';

interface BackupTimelineProps {
  readonly operation: Operation;
  readonly verdict: Verdict;
}

/** What the backup spent its time with, and within that, how long the writes of each service stood still. */
export function BackupTimeline({ operation, verdict }: BackupTimelineProps) {
  const phases = phasesOf(operation);
  const chart = stallChart(verdict);
  if (phases.length === 0 && chart === null) return <Empty title="Its steps were not recorded." />;
  return (
    <>
      <Phases phases={phases} />
      {chart !== null && <Stalls chart={chart} />}
    </>
  );
}

/** Half a second beside an hour: the row is not to scale, its numbers are. */
function Phases({ phases }: { phases: readonly Phase[] }) {
  return (
    <ol className="phases">
      {phases.map(({ name, words, startedAt, endedAt, stalls }) => (
        <li key={name} className={stalls ? 'phase phase-stalls' : 'phase'}>
          <p className="phase-name">{name}</p>
          <p className="quiet">
            {words}
            {stalls && <strong className="phase-stand">, writes stand still</strong>}
          </p>
          <p className="phase-time number">
            {endedAt === null ? 'goes on' : durationOf(endedAt - startedAt)}
          </p>
        </li>
      ))}
    </ol>
  );
}

const width = 100;
const barHeight = 10;

function Stalls({ chart: { bars, spanMs } }: { chart: StallChart }) {
  const isFlushed = bars.some(({ service }) => service.bytesFlushed !== null);
  return (
    <>
      <h3>How long writes stood still</h3>
      <table className="stalls">
        <thead>
          <tr>
            <th scope="col">Service</th>
            <th scope="col" className="stalls-bar">
              Within {durationOf(spanMs)} of hold
            </th>
            <th scope="col" className="right">
              Stall
            </th>
            <th scope="col">Held by</th>
            {isFlushed && (
              <th scope="col" className="right stalls-flushed">
                Flushed before
              </th>
            )}
          </tr>
        </thead>
        <tbody>
          {bars.map(({ service, stallMs, from, to }) => (
            <tr key={`${service.stack}/${service.service}`}>
              <th scope="row">
                {service.stack}/{service.service}
                {service.engine !== null && <span className="quiet stalls-engine">{service.engine}</span>}
              </th>
              <td className="stalls-bar">
                <svg
                  viewBox={`0 0 ${width} ${barHeight}`}
                  preserveAspectRatio="none"
                  className="bar"
                  aria-hidden="true"
                >
                  <rect x="0" y={barHeight / 2 - 0.5} width={width} height="1" className="bar-rail" />
                  <rect
                    x={from * width}
                    y="1"
                    width={Math.max(1, (to - from) * width)}
                    height={barHeight - 2}
                    className="bar-fill"
                  />
                </svg>
              </td>
              <td className="right number">{stallMs === null ? 'not seen' : durationOf(stallMs)}</td>
              <td>{service.holds.join(', then ')}</td>
              {isFlushed && (
                <td className="right number stalls-flushed">
                  {service.bytesFlushed === null ? '–' : bytesOf(service.bytesFlushed)}
                </td>
              )}
            </tr>
          ))}
        </tbody>
      </table>
    </>
  );
}
