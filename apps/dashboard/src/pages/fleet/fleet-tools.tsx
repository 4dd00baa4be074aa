import { type FleetView, type Group, groups, type Show, shows, type Sort, sorts } from '../../model/fleet.ts';
import { plural } from '../../model/numbers.ts';

const showWords: Record<Show, string> = {
  all: 'All',
  attention: 'Needs attention',
  overdue: 'Backup late or overdue',
  unproven: 'Not app-consistent',
  away: 'Agent away',
  quarantined: 'Quarantined',
  simulated: 'Simulated',
};

const groupWords: Record<Group, string> = { none: 'Nothing', node: 'Node', tag: 'Tag', pool: 'Pool' };

export const sortWords: Record<Sort, string> = {
  attention: 'What needs you',
  vmid: 'VMID',
  name: 'Name',
  readiness: 'Readiness',
  age: 'Oldest backup',
  stall: 'Longest stall',
};

interface FleetToolsProps {
  readonly view: FleetView;
  readonly onView: (view: FleetView) => void;
  readonly shown: number;
  readonly total: number;
}

export function FleetTools({ view, onView, shown, total }: FleetToolsProps) {
  return (
    <search className="tools">
      <label className="tool tool-search">
        <span>Search</span>
        <input
          type="search"
          value={view.search}
          placeholder="VMID, name, stack, node, tag"
          onChange={({ target }) => onView({ ...view, search: target.value })}
        />
      </label>
      <label className="tool">
        <span>Show</span>
        <select
          value={view.show}
          onChange={({ target }) =>
            onView({ ...view, show: shows.find((one) => one === target.value) ?? 'all' })
          }
        >
          {shows.map((show) => (
            <option key={show} value={show}>
              {showWords[show]}
            </option>
          ))}
        </select>
      </label>
      <label className="tool">
        <span>Sort by</span>
        <select
          value={view.sort}
          onChange={({ target }) =>
            onView({ ...view, sort: sorts.find((one) => one === target.value) ?? 'attention' })
          }
        >
          {sorts.map((sort) => (
            <option key={sort} value={sort}>
              {sortWords[sort]}
            </option>
          ))}
        </select>
      </label>
      <label className="tool">
        <span>Group by</span>
        <select
          value={view.group}
          onChange={({ target }) =>
            onView({ ...view, group: groups.find((one) => one === target.value) ?? 'none' })
          }
        >
          {groups.map((group) => (
            <option key={group} value={group}>
              {groupWords[group]}
            </option>
          ))}
        </select>
      </label>
      <p className="tool-count quiet" role="status">
        {shown === total ? plural(total, 'row') : `${shown} of ${total}`}
      </p>
    </search>
  );
}
