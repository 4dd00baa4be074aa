import type { Guest } from '@tacet/protocol';
import { useState } from 'react';
import { useMay } from '../../api/session.ts';
import { durationOf } from '../../model/numbers.ts';
import { longestStall } from '../../model/verdict.ts';
import { BackupDialog } from './backup-dialog.tsx';
import { CopyActions } from './copy-actions.tsx';
import { EnrolDialog } from './enrol-dialog.tsx';
import { RestoreDialog } from './restore-dialog.tsx';
import { StartDialog } from './start-dialog.tsx';
import { ThawDialog } from './thaw-dialog.tsx';

type Open = 'backup' | 'rehearse' | 'restore' | 'drill' | 'thaw' | 'enrol' | null;

/** What can be done with a guest, by whoever may. A quarantined copy is never asked for anything. */
export function GuestActions({ vmid, guest }: { vmid: number | null; guest: Guest | null }) {
  const [open, setOpen] = useState<Open>(null);
  const mayOperate = useMay('operator');
  const close = (): void => setOpen(null);
  if (guest?.identity === 'quarantined') return mayOperate && <CopyActions copy={guest} />;
  if (vmid === null) return null;
  return (
    <>
      {mayOperate && guest !== null && (
        <>
          <button type="button" className="button button-main" onClick={() => setOpen('backup')}>
            Back up now
          </button>
          <button
            type="button"
            className="button"
            disabled={!guest.connected}
            onClick={() => setOpen('rehearse')}
          >
            Rehearse…
          </button>
          <button
            type="button"
            className="button"
            disabled={guest.lastBackup === null}
            onClick={() => setOpen('restore')}
          >
            Restore…
          </button>
          <button
            type="button"
            className="button"
            disabled={guest.lastBackup === null}
            onClick={() => setOpen('drill')}
          >
            Drill…
          </button>
          <button
            type="button"
            className={isHeld(guest) ? 'button button-main' : 'button'}
            disabled={!guest.connected}
            onClick={() => setOpen('thaw')}
          >
            Thaw now…
          </button>
        </>
      )}
      {mayOperate && (
        <button type="button" className="button" onClick={() => setOpen('enrol')}>
          {guest === null ? 'Enrol it' : 'Enrol again'}
        </button>
      )}
      {open === 'backup' && guest !== null && <BackupDialog vmid={vmid} guest={guest} onClose={close} />}
      {open === 'restore' && <RestoreDialog vmid={vmid} onClose={close} />}
      {open === 'rehearse' && (
        <StartDialog
          title={`Rehearse a hold of guest ${vmid}`}
          words={`Its services are held as for a backup and thawed at once, without a backup. ${rehearsalCost(guest)} It shows whether a backup now would be app-consistent, and how long writes wait.`}
          word="Rehearse"
          path={`/guests/${vmid}/rehearsals`}
          body={{}}
          onClose={close}
        />
      )}
      {open === 'thaw' && <ThawDialog vmid={vmid} onClose={close} />}
      {open === 'drill' && (
        <StartDialog
          title={`Drill the last backup of guest ${vmid}`}
          words={`It is restored into a scratch guest that is cut off from your network, which shows whether it becomes ready, and is destroyed. Guest ${vmid} is not touched.`}
          word="Drill"
          path={`/guests/${vmid}/drills`}
          body={{}}
          onClose={close}
        />
      )}
      {open === 'enrol' && <EnrolDialog vmid={vmid} onClose={close} />}
    </>
  );
}

function isHeld({ quiesceState }: Guest): boolean {
  return quiesceState === 'holding' || quiesceState === 'held' || quiesceState === 'thawing';
}

function rehearsalCost(guest: Guest | null): string {
  const stall = guest?.lastBackup == null ? null : longestStall(guest.lastBackup);
  return stall === null
    ? 'Writes wait for a moment.'
    : `Writes wait for about ${durationOf(stall)}, as in the last backup.`;
}
