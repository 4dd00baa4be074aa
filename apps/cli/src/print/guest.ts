import type { Condition, Guest } from '@tacet/protocol';
import { dateTimeOf } from './moment.ts';
import { plural, table } from './table.ts';

export function readyOf(guest: Guest): Condition | undefined {
  return guest.conditions.find((condition) => condition.type === 'Ready');
}

export function guestTable(guests: readonly Guest[]): string[] {
  if (guests.length === 0) return ['No guest is enrolled. Begin with: tacet enrol VMID'];
  const rows = guests.map((guest) => [
    `${guest.vmid ?? '?'}`,
    guest.connected ? 'connected' : 'away',
    readyOf(guest)?.status ?? 'Unknown',
    plural(guest.services.length, 'service'),
    lastBackupOf(guest),
    remarksOf(guest),
  ]);
  return table(['vmid', 'agent', 'ready', 'runs', 'last backup', ''], rows);
}

export function guestLines(guest: Guest): string[] {
  const seen = guest.lastSeenAt === null ? 'never seen' : `last seen ${dateTimeOf(guest.lastSeenAt)}`;
  const agent = guest.connected ? `connected, ${guest.agentVersion}` : `not connected; ${seen}`;
  const lines = [
    `Guest    ${guest.vmid ?? '?'} ${guest.incarnation?.hostname ?? ''} ${remarksOf(guest)}`.trimEnd(),
    `Agent    ${agent}`,
    `Quiesce  ${guest.quiesceState ?? 'unknown'}`,
    `Backup   ${lastBackupOf(guest)}`,
    ...(guest.backupReady === undefined ? [] : [nextBackup(guest.backupReady)]),
  ];
  const conditions = guest.conditions.map(({ type, status, message }) => [type, status, message]);
  const services = guest.services.map((one) => [
    `${one.stack}/${one.service}`,
    one.state,
    one.health,
    one.restartPolicy,
  ]);
  if (conditions.length > 0) lines.push('', ...table(['condition', 'status', ''], conditions));
  if (services.length > 0) lines.push('', ...table(['service', 'state', 'health', 'restart'], services));
  return lines;
}

function nextBackup({ status, message, examinedAt }: NonNullable<Guest['backupReady']>): string {
  const words = { True: 'ready', False: 'NOT READY', Unknown: 'not known whether ready' };
  return `Next     ${words[status]}: ${message} (tacet doctor, ${dateTimeOf(examinedAt)})`;
}

function lastBackupOf({ lastBackup }: Guest): string {
  if (lastBackup === null) return 'none';
  return `${dateTimeOf(lastBackup.finishedAt)} ${lastBackup.verdict.consistency}`;
}

/** Its id is what adopt and dismiss ask for. */
function quarantineOf({ id, copyOf }: Guest): string {
  return copyOf === undefined ? `QUARANTINED ${id}` : `QUARANTINED copy of ${copyOf}: ${id}`;
}

function remarksOf(guest: Guest): string {
  const remarks = [
    guest.identity === 'quarantined' ? quarantineOf(guest) : '',
    guest.simulated ? '(simulated)' : '',
  ];
  return remarks.filter((remark) => remark !== '').join(' ');
}
