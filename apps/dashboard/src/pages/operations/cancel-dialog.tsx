import { type Operation, operationSchema } from '@tacet/protocol';
import { useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { operationQuery } from '../../api/queries.ts';
import { useChange, useMay } from '../../api/session.ts';
import { cancelWords, operationTitle } from '../../model/operations.ts';
import { FormDialog } from '../../ui/form-dialog.tsx';

/** For an operation that can be cancelled, and whoever may. */
export function CancelButton({ operation }: { operation: Operation }) {
  const [isOpen, setOpen] = useState(false);
  const mayOperate = useMay('operator');
  // The dialog stays, with the answer to what it asked, when the operation has ended meanwhile.
  if (!isOpen && (!mayOperate || operation.cancellable !== true)) return null;
  return (
    <>
      <button type="button" className="button" onClick={() => setOpen(true)}>
        Cancel…<span className="sr"> the {operationTitle(operation)}</span>
      </button>
      {isOpen && <CancelDialog operation={operation} onClose={() => setOpen(false)} />}
    </>
  );
}

function CancelDialog({ operation, onClose }: { operation: Operation; onClose: () => void }) {
  const client = useQueryClient();
  const { queryKey } = operationQuery(operation.id);
  const cancel = useChange(operationSchema, (answer) => {
    if (answer !== undefined) client.setQueryData(queryKey, answer);
    onClose();
  });
  return (
    <FormDialog
      title={`Cancel the ${operation.kind} of guest ${operation.vmid}`}
      change={cancel}
      word="Cancel it"
      back="Let it go on"
      onSubmit={() => cancel.mutate({ path: `/operations/${encodeURIComponent(operation.id)}/cancellation` })}
      onClose={onClose}
    >
      <p>{cancelWords(operation)}</p>
    </FormDialog>
  );
}
