import type { Guest } from '@tacet/protocol';
import { useState } from 'react';
import { useMay } from '../../api/session.ts';
import { BackupDialog } from './backup-dialog.tsx';
import { CopyActions } from './copy-actions.tsx';
import { EnrolDialog } from './enrol-dialog.tsx';
import { RestoreDialog } from './restore-dialog.tsx';
import { StartDialog } from './start-dialog.tsx';

type Open = 'backup' | 'restore' | 'drill' | 'enrol' | null;

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
        </>
      )}
      {mayOperate && (
        <button type="button" className="button" onClick={() => setOpen('enrol')}>
          {guest === null ? 'Enrol it' : 'Enrol again'}
        </button>
      )}
      {open === 'backup' && guest !== null && <BackupDialog vmid={vmid} guest={guest} onClose={close} />}
      {open === 'restore' && <RestoreDialog vmid={vmid} onClose={close} />}
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
