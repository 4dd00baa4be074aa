import type { GuestSelector, Schedule, SchedulePreview, ScheduleRun, ScheduleView } from '@tacet/protocol';
import { dateTimeOf, durationOf } from './moment.ts';
import { plural, table } from './table.ts';

type PreviewedDrill = NonNullable<SchedulePreview['guests'][number]['drill']>;

export function scheduleTable(schedules: readonly ScheduleView[]): string[] {
  if (schedules.length === 0) return ['No schedule yet. Make one: tacet schedule set NAME --file FILE'];
  const rows = schedules.map((view) => [
    view.schedule.name,
    nextOf(view),
    view.started === 0 && view.queued === 0 ? '-' : `${view.started}, ${view.queued} wait`,
    view.schedule.action,
    view.when,
  ]);
  return table(['name', 'next', 'running', 'what', 'when'], rows);
}

export function scheduleLines(view: ScheduleView): string[] {
  const { schedule, version, changedAt, when } = view;
  const { jitterMs } = schedule.when;
  const spread = jitterMs === 0 ? '' : `; each guest up to ${durationOf(jitterMs)} later`;
  return [
    `Schedule  ${schedule.name}, version ${version} of ${dateTimeOf(changedAt)}`,
    `When      ${when}${spread}`,
    `Next      ${nextOf(view)}`,
    `Guests    ${selectorOf(schedule.guests)}`,
    schedule.action === 'drill' ? `Drills    ${drillsOf(schedule)}` : `Backups   ${howOf(schedule)}`,
    `Limits    ${limitsOf(schedule)}`,
    `Missed    ${schedule.missed === 'skip' ? 'what was due while the controller was down is left out' : 'made up for once, for each guest'}`,
  ];
}

export function runTable(runs: readonly ScheduleRun[]): string[] {
  if (runs.length === 0) return ['It has not run yet.'];
  const rows = runs.map((run) => [
    String(run.vmid),
    dateTimeOf(run.dueAt),
    run.cause === 'request' ? 'by hand' : run.late ? 'late' : '',
    run.state,
    run.consistency ?? '',
    run.message ?? '',
  ]);
  return table(['vmid', 'due', '', 'state', 'verdict', ''], rows);
}

export function previewLines({ action, when, events, guests, unmatched }: SchedulePreview): string[] {
  const lines = [when, ...events.map((at) => `  ${dateTimeOf(at)}`), ''];
  if (events.length === 0) lines.push('It happens no more.', '');
  const rows = guests.map((guest) => [
    String(guest.vmid),
    guest.name ?? '',
    guest.node,
    guest.storage,
    guest.nextAt === null ? '-' : dateTimeOf(guest.nextAt),
    guest.because.join(', '),
    guest.drill !== null
      ? lastDrillOf(guest.drill)
      : guest.notHeldBecause === null
        ? ''
        : `not held: ${guest.notHeldBecause}`,
  ]);
  lines.push(
    ...(rows.length === 0
      ? [`NOBODY is ${action === 'drill' ? 'drilled' : 'backed up'}: no guest that can be seen is selected.`]
      : table(['vmid', 'name', 'node', 'storage', 'next', 'because of', ''], rows)),
  );
  if (unmatched.length > 0) lines.push('', `NOBODY matches ${unmatched.join(', ')}`);
  return lines;
}

function lastDrillOf({ backupAt, drilledAt, outcome }: PreviewedDrill): string {
  const backup = backupAt === null ? 'no backup to drill' : `backup of ${dateTimeOf(backupAt)}`;
  return `${backup}, ${drilledAt === null ? 'never drilled' : `${outcome} ${dateTimeOf(drilledAt)}`}`;
}

function drillsOf({ perRun = 1 }: Schedule): string {
  return `of the newest backup of ${plural(perRun, 'guest')} each time, those first whose last drill is oldest`;
}

function nextOf({ schedule, nextAt }: ScheduleView): string {
  if (!schedule.enabled) return 'disabled';
  return nextAt === null ? 'never' : dateTimeOf(nextAt);
}

function selectorOf({ include, exclude = {} }: GuestSelector): string {
  const without = namesOf(exclude);
  return `${namesOf(include)}${without === '' ? '' : `; without ${without}`}`;
}

function namesOf({
  all,
  vmids = [],
  tags = [],
  pools = [],
  names = [],
}: Partial<GuestSelector['include']>): string {
  return [
    ...(all === true ? ['all'] : []),
    ...vmids.map(String),
    ...tags.map((tag) => `tag ${tag}`),
    ...pools.map((pool) => `pool ${pool}`),
    ...names.map((name) => `name ${name}`),
  ].join(', ');
}

function howOf({ storage, mode, whenNotQuiesced, maxHoldMs, retention }: Schedule): string {
  return [
    storage === undefined ? 'to the node’s storage' : `to ${storage}`,
    `${mode} mode`,
    whenNotQuiesced === 'fail-closed'
      ? 'none of a guest that cannot be held'
      : 'also of a guest that cannot be held',
    ...(maxHoldMs === undefined ? [] : [`held for ${durationOf(maxHoldMs)} at most`]),
    ...(retention === undefined ? [] : [`keeps ${keptOf(retention)}`]),
  ].join(', ');
}

function keptOf({ keepAll, ...kept }: NonNullable<Schedule['retention']>): string {
  if (keepAll === true) return 'all';
  return Object.entries(kept)
    .map(([name, count]) => `${name.replace('keep', '').toLowerCase()} ${count}`)
    .join(', ');
}

function limitsOf({ concurrency, blackouts }: Schedule): string {
  const { perNode, perStorage } = concurrency;
  return [
    `${perNode} at a time on a node`,
    ...(perStorage === undefined ? [] : [`${perStorage} onto a storage`]),
    ...(blackouts.length === 0 ? [] : [plural(blackouts.length, 'blackout')]),
  ].join(', ');
}
