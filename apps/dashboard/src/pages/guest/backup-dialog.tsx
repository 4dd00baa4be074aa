import { type Guest, operationSchema } from '@tacet/protocol';
import { useQueryClient } from '@tanstack/react-query';
import { type FormEvent, useState } from 'react';
import { useLocation } from 'wouter';
import { operationQuery } from '../../api/queries.ts';
import { useChange } from '../../api/session.ts';
import { durationOf } from '../../model/numbers.ts';
import { longestStall } from '../../model/verdict.ts';
import { Dialog, DialogEnd } from '../../ui/dialog.tsx';
import { Field } from '../../ui/field.tsx';
import { ProblemNote } from '../../ui/problem-note.tsx';

interface BackupDialogProps {
  readonly vmid: number;
  readonly guest: Guest;
  readonly onClose: () => void;
}

export function BackupDialog({ vmid, guest, onClose }: BackupDialogProps) {
  const [storage, setStorage] = useState('');
  const start = useStart();
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    const body = storage.trim() === '' ? {} : { storage: storage.trim() };
    start.mutate({ path: `/guests/${vmid}/backups`, body });
  };
  return (
    <Dialog title={`Back up guest ${vmid} now`} onClose={onClose}>
      <form onSubmit={submit}>
        <p>{whatItCosts(guest)}</p>
        <p className="quiet">It can be followed step by step, and goes on when this page is closed.</p>
        <Field
          label="Storage"
          hint="Left empty: the one that the node has configured."
          value={storage}
          onChange={({ target }) => setStorage(target.value)}
        />
        {start.isError && <ProblemNote error={start.error} />}
        <DialogEnd onClose={onClose}>
          <button type="submit" className="button button-main" disabled={start.isPending}>
            {start.isPending ? 'Asking…' : 'Back up'}
          </button>
        </DialogEnd>
      </form>
    </Dialog>
  );
}

/** Starts an operation, and goes to its page. */
export function useStart() {
  const client = useQueryClient();
  const [, navigate] = useLocation();
  return useChange(operationSchema, (operation) => {
    if (operation === undefined) return;
    client.setQueryData(operationQuery(operation.id).queryKey, operation);
    navigate(`/operations/${encodeURIComponent(operation.id)}`);
  });
}

function whatItCosts({ connected, lastBackup }: Guest): string {
  if (!connected) {
    return 'Its agent is away, so nothing can be held: the backup will be crash-consistent, like plain vzdump.';
  }
  const stall = lastBackup === null ? null : longestStall(lastBackup);
  const long = stall === null ? 'for a moment' : `for about ${durationOf(stall)}, as the last time`;
  return `Its services are held ${long}, while the snapshot is taken. Then they go on, and the archive is written.`;
}
