import type { DoctorFinding, DoctorReport, FindingSubject, Severity } from '@tacet/protocol';
import { durationOf } from './moment.ts';
import { plural } from './table.ts';

const headings: Readonly<Record<Severity, string>> = {
  error: 'Errors: a backup or a restore fails, or lacks data',
  warning: 'Warnings: worth less than it could be',
  notice: 'Good to know',
};

/** By severity; then what could not be known, and how much was looked at. */
export function reportLines(report: DoctorReport): string[] {
  const { findings, notKnown } = report;
  const severities: readonly Severity[] = ['error', 'warning', 'notice'];
  const groups = severities.flatMap((severity) => {
    const some = findings.filter((finding) => finding.severity === severity);
    return some.length === 0 ? [] : [headings[severity], '', ...some.flatMap(findingLines)];
  });
  const unknown = [...byReason(notKnown)].map(
    ([because, whats]) => `  ${because}\n${whats.map((what) => `      ${what}`).join('\n')}`,
  );
  return [
    ...groups,
    ...(unknown.length === 0 ? [] : ['Not known', '', ...unknown.flatMap((text) => text.split('\n')), '']),
    ...summaryLines(report),
  ];
}

function findingLines({ id, about, message, evidence, remedy, commands }: DoctorFinding): string[] {
  return [
    `  ${subjectOf(about)}  ${id}`,
    `    ${message}`,
    ...evidence.map((line) => `      seen: ${line}`),
    `    ${remedy}`,
    ...commands.map((line) => `      ${line}`),
    '',
  ];
}

/** Several things are often unknown for one reason. */
function byReason(notKnown: DoctorReport['notKnown']): Map<string, string[]> {
  const reasons = new Map<string, string[]>();
  for (const { about, what, because } of notKnown) {
    reasons.set(because, [...(reasons.get(because) ?? []), `${subjectOf(about)}: ${what}`]);
  }
  return reasons;
}

function summaryLines({ examined, findings, notKnown, startedAt, finishedAt }: DoctorReport): string[] {
  const { nodes, storages, guests, points, inOrder } = examined;
  const count = (severity: Severity): number =>
    findings.filter((finding) => finding.severity === severity).length;
  const found = [
    plural(count('error'), 'error'),
    plural(count('warning'), 'warning'),
    plural(count('notice'), 'notice'),
    `${notKnown.length} not known`,
  ];
  return [
    `Examined ${plural(nodes, 'node')}, ${plural(storages, 'storage')} and ${plural(guests, 'guest')} in ${durationOf(finishedAt - startedAt)}.`,
    `Of ${plural(points, 'thing')} looked at, ${inOrder} are in order; ${found.join(', ')}.`,
  ];
}

function subjectOf(about: FindingSubject): string {
  switch (about.kind) {
    case 'node':
      return `node ${about.node}`;
    case 'storage':
      return `storage ${about.storage} (${about.node})`;
    case 'guest':
      return `guest ${about.vmid}`;
  }
}
