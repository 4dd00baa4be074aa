import type { Backup } from '@tacet/protocol';
import { useQuery } from '@tanstack/react-query';
import { useId } from 'react';
import { backupsQuery } from '../../api/queries.ts';
import { bytesOf, dateTimeOf, durationOf, plural } from '../../model/numbers.ts';
import { consistencySaid, longestStall } from '../../model/verdict.ts';
import { Answer } from '../../ui/answer.tsx';
import { Say } from '../../ui/mark.tsx';
import { Empty, Panel } from '../../ui/panel.tsx';

/** The stalls and sizes of the guest's backups, as plots and as the table that they are drawn from. */
export function History({ vmid }: { vmid: number }) {
  const backups = useQuery(backupsQuery(vmid));
  return (
    <Panel title="History" className="wide">
      <Answer query={backups} lines={6}>
        {(list) =>
          list.length === 0 ? (
            <Empty title="No backup yet, so there is no history." />
          ) : (
            <>
              <div className="plots">
                <Plot title="Longest stall" backups={list} valueOf={longestStall} wordsOf={durationOf} />
                <Plot title="Size" backups={list} valueOf={({ sizeBytes }) => sizeBytes} wordsOf={bytesOf} />
              </div>
              <BackupTable backups={list} />
            </>
          )
        }
      </Answer>
    </Panel>
  );
}

interface PlotProps {
  readonly title: string;
  /** Newest first. */
  readonly backups: readonly Backup[];
  readonly valueOf: (backup: Backup) => number | null;
  readonly wordsOf: (value: number) => string;
}

const plot = { width: 400, height: 90, gap: 2 };

/** A bar for each backup, oldest first. Those that are not app-consistent are hatched. */
function Plot({ title, backups, valueOf, wordsOf }: PlotProps) {
  const hatch = useId();
  const values = backups.toReversed().map((backup) => ({ backup, value: valueOf(backup) }));
  const known = values.map(({ value }) => value).filter((value) => value !== null);
  const most = Math.max(0, ...known);
  const last = known.at(-1);
  const step = plot.width / Math.max(values.length, 12);
  return (
    <figure className="plot">
      <figcaption>
        <span>{title}</span>
        <span className="number">
          {last === undefined ? 'none' : wordsOf(last)}
          <span className="quiet"> last, {wordsOf(most)} at most</span>
        </span>
      </figcaption>
      <svg viewBox={`0 0 ${plot.width} ${plot.height}`} preserveAspectRatio="none" aria-hidden="true">
        <defs>
          <pattern
            id={hatch}
            width="6"
            height="6"
            patternUnits="userSpaceOnUse"
            patternTransform="rotate(45)"
          >
            <rect width="2.5" height="6" className="plot-hatch" />
          </pattern>
        </defs>
        <path d={`M0 ${plot.height - 0.5}H${plot.width}`} className="plot-axis" />
        {values.map(({ backup, value }, index) => {
          if (value === null || most === 0) return null;
          const height = Math.max(2, (value / most) * (plot.height - 4));
          return (
            <rect
              key={backup.id}
              x={index * step + plot.gap / 2}
              y={plot.height - height}
              width={step - plot.gap}
              height={height}
              className={backup.verdict.consistency === 'app' ? 'plot-bar' : 'plot-bar-open'}
              fill={`url(#${hatch})`}
            >
              <title>{`${dateTimeOf(backup.finishedAt)}: ${wordsOf(value)}`}</title>
            </rect>
          );
        })}
      </svg>
    </figure>
  );
}

function BackupTable({ backups }: { backups: readonly Backup[] }) {
  return (
    <details className="more">
      <summary>{plural(backups.length, 'backup')} in a table</summary>
      <div className="scroll" tabIndex={0} role="region" aria-label="Backups">
        <table>
          <thead>
            <tr>
              <th scope="col">Finished</th>
              <th scope="col">Verdict</th>
              <th scope="col" className="right">
                Longest stall
              </th>
              <th scope="col" className="right">
                Size
              </th>
              <th scope="col">Archive</th>
            </tr>
          </thead>
          <tbody>
            {backups.map((backup) => {
              const stall = longestStall(backup);
              return (
                <tr key={backup.id}>
                  <th scope="row" className="number">
                    {dateTimeOf(backup.finishedAt)}
                  </th>
                  <td>
                    <Say said={consistencySaid(backup.verdict.consistency)} />
                  </td>
                  <td className="right number">{stall === null ? '–' : durationOf(stall)}</td>
                  <td className="right number">
                    {backup.sizeBytes === null ? '–' : bytesOf(backup.sizeBytes)}
                  </td>
                  <td className="mono">{backup.volid}</td>
                </tr>
              );
            })}
          </tbody>
        </table>
      </div>
    </details>
  );
}
