import { useWindowVirtualizer } from '@tanstack/react-virtual';
import { memo, useLayoutEffect, useRef, useState } from 'react';
import { Link } from 'wouter';
import type { FleetItem, FleetRow, Sort } from '../../model/fleet.ts';
import { durationOf, plural } from '../../model/numbers.ts';
import { guestPath, nextBackupSaid, readiness, type Tone } from '../../model/state.ts';
import { consistencySaid } from '../../model/verdict.ts';
import { Mark, Say } from '../../ui/mark.tsx';
import { Ago } from '../../ui/moment.tsx';
import { Simulated } from '../../ui/simulated.tsx';
import { useMedia } from '../../ui/use-media.ts';

const columns: { name: string; sort: Sort | null }[] = [
  { name: 'Guest', sort: 'vmid' },
  { name: 'What needs you', sort: 'attention' },
  { name: 'Readiness', sort: 'readiness' },
  { name: 'Last backup', sort: null },
  { name: 'Age', sort: 'age' },
  { name: 'Stall', sort: 'stall' },
  { name: 'Next backup', sort: null },
  { name: 'Node', sort: null },
];

/** As the style sheet has them. */
const rowPx = { wide: 48, narrow: 92 };
const nodePx = 44;

interface FleetTableProps {
  readonly items: readonly FleetItem[];
  readonly sort: Sort;
  readonly onSort: (sort: Sort) => void;
}

/** Only the rows that can be seen exist, so that two thousand cost as much as twenty. */
export function FleetTable({ items, sort, onSort }: FleetTableProps) {
  const list = useRef<HTMLDivElement>(null);
  const [top, setTop] = useState(0);
  const isWide = useMedia('(min-width: 60rem)');
  const height = isWide ? rowPx.wide : rowPx.narrow;
  useLayoutEffect(() => {
    setTop(list.current?.offsetTop ?? 0);
  }, [items.length, isWide]);
  const rows = useWindowVirtualizer({
    count: items.length,
    estimateSize: (index) => (items[index]?.kind === 'group' ? nodePx : height),
    getItemKey: (index) => keyOf(items[index]),
    overscan: 8,
    scrollMargin: top,
  });
  useLayoutEffect(() => rows.measure(), [rows, height, items]);
  return (
    <div role="table" aria-label="Guests" aria-rowcount={items.length + 1} className="guests">
      <div role="rowgroup">
        <div role="row" aria-rowindex={1} className="guests-head">
          {columns.map((column) => (
            <ColumnHead key={column.name} {...column} current={sort} onSort={onSort} />
          ))}
        </div>
      </div>
      <div role="rowgroup" ref={list} className="guests-rows" style={{ height: rows.getTotalSize() }}>
        {rows.getVirtualItems().map(({ key, index, start, size }) => {
          const item = items[index];
          return (
            <div
              key={key}
              role="row"
              aria-rowindex={index + 2}
              className={item?.kind === 'group' ? 'guests-node' : 'guests-row'}
              style={{ height: size, transform: `translateY(${start - top}px)` }}
            >
              {item?.kind === 'group' && (
                <div role="cell" aria-colspan={columns.length}>
                  <strong>{item.name}</strong> <span className="quiet">{plural(item.count, 'guest')}</span>
                </div>
              )}
              {item?.kind === 'guest' && <Cells row={item.row} />}
            </div>
          );
        })}
      </div>
    </div>
  );
}

function keyOf(item: FleetItem | undefined): string {
  if (item === undefined) return '';
  return item.kind === 'group' ? `group ${item.name}` : `${item.group} ${item.row.guest.id}`;
}

interface ColumnHeadProps {
  readonly name: string;
  readonly sort: Sort | null;
  readonly current: Sort;
  readonly onSort: (sort: Sort) => void;
}

function ColumnHead({ name, sort, current, onSort }: ColumnHeadProps) {
  if (sort === null) return <div role="columnheader">{name}</div>;
  const isCurrent = current === sort;
  return (
    <div role="columnheader" aria-sort={isCurrent ? 'ascending' : undefined}>
      <button type="button" onClick={() => onSort(sort)} className={isCurrent ? 'is-current' : ''}>
        {name}
      </button>
    </div>
  );
}

const levelTones: Record<FleetRow['level'], Tone> = { act: 'bad', watch: 'watch', fine: 'good' };

const Cells = memo(function Cells({ row }: { row: FleetRow }) {
  const { guest, name, node, concerns, level, lateness, stallMs } = row;
  const { lastBackup } = guest;
  const first = concerns[0];
  return (
    <>
      <div role="cell" className="cell-guest">
        <Link href={guestPath(guest)} className="row-link">
          <span className="number">{guest.vmid ?? '?'}</span> <strong>{name}</strong>
        </Link>
        {guest.simulated && <Simulated />}
      </div>
      <div role="cell" className="cell-needs">
        <span className="say" title={first?.detail ?? first?.words}>
          <Mark tone={levelTones[level]} />
          <span className={first === undefined ? 'quiet' : ''}>
            {first?.words ?? 'nothing'}
            {concerns.length > 1 && <span className="quiet"> and {concerns.length - 1} more</span>}
          </span>
        </span>
      </div>
      <div role="cell" className="cell-ready">
        <Say said={readiness(guest)} />
      </div>
      <div role="cell" className="cell-verdict">
        {lastBackup === null ? (
          <span className="quiet">none</span>
        ) : (
          <Say said={consistencySaid(lastBackup.verdict.consistency)} />
        )}
      </div>
      <div role="cell" className="cell-age number">
        {lastBackup === null ? '–' : <Ago at={lastBackup.finishedAt} bare />}
        {lateness !== null && <span className={lateness}> {lateness}</span>}
      </div>
      <div role="cell" className="cell-stall number">
        {stallMs === null ? '–' : durationOf(stallMs)}
      </div>
      <div role="cell" className="cell-next">
        <Say said={nextBackupSaid(guest)} />
      </div>
      <div role="cell" className="cell-node quiet">
        {node ?? '–'}
      </div>
    </>
  );
});
