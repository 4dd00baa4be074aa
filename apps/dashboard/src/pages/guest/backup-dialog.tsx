import { type Guest, operationSchema } from '@tacet/protocol';
import { useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { useLocation } from 'wouter';
import { operationQuery } from '../../api/queries.ts';
import { useChange } from '../../api/session.ts';
import { durationOf } from '../../model/numbers.ts';
import { longestStall } from '../../model/verdict.ts';
import { Field } from '../../ui/field.tsx';
import { FormDialog } from '../../ui/form-dialog.tsx';

interface BackupDialogProps {
  readonly vmid: number;
  readonly guest: Guest;
  readonly onClose: () => void;
}

export function BackupDialog({ vmid, guest, onClose }: BackupDialogProps) {
  const [storage, setStorage] = useState('');
  const start = useStart();
  const submit = (): void => {
    const body = storage.trim() === '' ? {} : { storage: storage.trim() };
    start.mutate({ path: `/guests/${vmid}/backups`, body });
  };
  return (
    <FormDialog
      title={`Back up guest ${vmid} now`}
      change={start}
      word="Back up"
      onSubmit={submit}
      onClose={onClose}
    >
      <p>{whatItCosts(guest)}</p>
      <p className="quiet">It can be followed step by step, and goes on when this page is closed.</p>
      <Field
        label="Storage"
        hint="Left empty: the one that the node has configured."
        value={storage}
        onChange={({ target }) => setStorage(target.value)}
      />
    </FormDialog>
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
