import type { BackupReady, DoctorReport, FindingId, FindingSubject } from '@tacet/protocol';
import type { GuestFacts } from './facts.ts';

/** Errors that no backup fails of. */
const elsewhere: ReadonlySet<FindingId> = new Set([
  'restore-lacks-privilege',
  'restore-lacks-network',
  'token-reaches-others',
]);

/** No backup is made without a token, also where nobody expects one. */
const decisive: FindingId = 'token-missing';

/** What the findings mean for the next backup of one guest. */
export function backupReady(
  guest: GuestFacts,
  { findings, notKnown }: Pick<DoctorReport, 'findings' | 'notKnown'>,
  examinedAt: number,
): BackupReady {
  const errors = findings.filter(
    ({ id, severity, about }) =>
      (severity === 'error' || id === decisive) && !elsewhere.has(id) && touches(about, guest),
  );
  const [first] = errors;
  if (first !== undefined) {
    const message = errors.map((error) => error.message).join(' ');
    return { status: 'False', reason: camelCase(first.id), message, examinedAt };
  }
  // Of the node itself only the hook can be unknown where nothing is wrong, and no backup fails for want of it.
  const unknown = notKnown.filter(({ about }) => about.kind !== 'node' && touches(about, guest));
  if (unknown.length > 0) {
    const message = unknown.map(({ what, because }) => `not known: ${what} (${because})`).join('; ');
    return { status: 'Unknown', reason: 'NotKnown', message, examinedAt };
  }
  const warnings = findings.filter(({ severity, about }) => severity === 'warning' && touches(about, guest));
  return warnings.length === 0
    ? { status: 'True', reason: 'AllInOrder', message: 'nothing stands in the way of a backup', examinedAt }
    : {
        status: 'True',
        reason: 'WithWarnings',
        message: `it will be made; ${warnings.map(({ id }) => id).join(', ')}`,
        examinedAt,
      };
}

function touches(about: FindingSubject, { vmid, speaker, place, backupStorage }: GuestFacts): boolean {
  switch (about.kind) {
    case 'guest':
      return about.vmid === vmid;
    case 'storage':
      return about.storage === backupStorage && about.node === ((place.ok && place.value?.node) || speaker);
    case 'node':
      return about.node === speaker;
  }
}

function camelCase(id: string): string {
  return id.replaceAll(/(?:^|-)([a-z])/g, (_, letter: string) => letter.toUpperCase());
}
