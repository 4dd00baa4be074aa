import { describeMarker } from '@tacet/core';
import type { DataCheckView } from '../data/data-verifier.ts';
import { type Check, isHeld, listing, type Picture } from '../picture.ts';

/** Once may have been a dependency that was late. */
const manyEnds = 2;

/**
 * Whether the databases still have what they had when their markers were taken: compared once, at the first answer
 * after the guest's start, because from then on their data are the operator's to change.
 */
export const dataVerified: Check = (picture) => {
  const type = 'DataVerified';
  const { hasManifest, checks } = picture.data;
  if (!hasManifest && checks.length === 0) {
    const message = 'nothing to compare with: no backup has marked the data of this guest yet';
    return { type, status: 'Unknown', reason: 'NoManifest', message };
  }
  const differing = checks.flatMap((check) => {
    const what = differencesOf(check);
    return what === undefined ? [] : [{ ...check, what }];
  });
  if (differing.length > 0)
    return { type, status: 'False', reason: 'DataDiffers', message: listing(differing) };
  const failing = checks.filter((check) => isOpen(check) && check.ends >= manyEnds);
  if (failing.length > 0) {
    const message = listing(
      failing.map(({ ends, marker, takenAt, containerName, ...check }) => ({
        ...check,
        what:
          `expected ${marker ? describeMarker(marker) : 'its data'}, as marked ${timeOf(takenAt)}; found a server that ` +
          `ended ${ends} times instead of answering (docker logs ${containerName} says why)`,
      })),
    );
    return { type, status: 'False', reason: 'DoesNotStart', message };
  }
  const waiting = checks.filter((check) => isOpen(check) && isExpected(check, picture));
  if (waiting.length > 0) {
    const why = isHeld(picture) ? 'held for a backup' : 'it has not answered yet';
    const message = listing(waiting.map((check) => ({ ...check, what: check.trouble ?? why })));
    return { type, status: 'Unknown', reason: 'NotComparedYet', message };
  }
  if (checks.length === 0) {
    const message = 'the guest has not been started since its data were marked';
    return { type, status: 'True', reason: 'NotRestarted', message };
  }
  const message = listing(checks.map((check) => ({ ...check, what: resultOf(check) })));
  return { type, status: 'True', reason: 'DataMatches', message };
};

function isOpen({ outcome }: DataCheckView): boolean {
  return outcome.kind === 'pending';
}

/** One that somebody has stopped or removed since is compared when it runs again. */
function isExpected({ containerName }: DataCheckView, { engine, heal }: Picture): boolean {
  if (engine.kind === 'unreachable' || heal.manifest !== undefined) return true;
  const state = engine.services.find(({ container }) => container.name === containerName)?.container.state;
  return state !== undefined && state !== 'exited' && state !== 'created';
}

function differencesOf({ outcome, takenAt }: DataCheckView): string | undefined {
  if (outcome.kind !== 'differs') return undefined;
  const each = outcome.differences.map(
    ({ marker, expected, found, because }) => `${marker}: expected ${expected}, found ${found} (${because})`,
  );
  return `${each.join(', ')}; marked ${timeOf(takenAt)}`;
}

function resultOf({ outcome, takenAt }: DataCheckView): string {
  switch (outcome.kind) {
    case 'matches': {
      const left = outcome.left.length > 0 ? ` (not compared: ${outcome.left.join(', ')})` : '';
      const compared = outcome.compared.length > 0 ? `${outcome.compared.join(', ')} as marked` : 'nothing';
      return `${compared} ${timeOf(takenAt)}${left}`;
    }
    case 'accepted':
      return `differs from what was marked ${timeOf(takenAt)}, and was accepted`;
    case 'differs':
    case 'pending':
      return 'does not run, and is compared when it does';
  }
}

function timeOf(epochMs: number): string {
  return `at ${new Date(epochMs).toISOString().replace(/\.\d+Z$/, 'Z')}`;
}
