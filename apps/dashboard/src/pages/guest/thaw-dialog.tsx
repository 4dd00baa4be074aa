import { type ThawResult, thawResultSchema } from '@tacet/protocol';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { guestQuery, operationsQuery } from '../../api/queries.ts';
import { useChange } from '../../api/session.ts';
import { runningOn } from '../../model/operations.ts';
import { thawWarning, thawWords } from '../../model/thaw.ts';
import { Dialog, DialogEnd } from '../../ui/dialog.tsx';
import { FormDialog } from '../../ui/form-dialog.tsx';
import { Mark } from '../../ui/mark.tsx';

/** Ends whatever is held, now; and says what that costs. */
export function ThawDialog({ vmid, onClose }: { vmid: number; onClose: () => void }) {
  const client = useQueryClient();
  const { data: operations } = useQuery(operationsQuery);
  const thaw = useChange(thawResultSchema, () =>
    client.invalidateQueries({ queryKey: guestQuery(vmid).queryKey }),
  );
  if (thaw.data !== undefined) return <Thawed vmid={vmid} result={thaw.data} onClose={onClose} />;
  return (
    <FormDialog
      title={`Thaw guest ${vmid} now`}
      change={thaw}
      word="Thaw now"
      onSubmit={() => thaw.mutate({ path: `/guests/${vmid}/thaw` })}
      onClose={onClose}
    >
      <p>
        Whatever is held in it is released at once, for whomever it is held. Every hold ends by itself, too,
        when its lease is over.
      </p>
      <div className="note note-watch">
        <Mark tone="watch" />
        <div>
          <p>{thawWarning(runningOn(vmid, operations ?? []))}</p>
        </div>
      </div>
    </FormDialog>
  );
}

function Thawed({ vmid, result, onClose }: { vmid: number; result: ThawResult; onClose: () => void }) {
  return (
    <Dialog title={`Thaw guest ${vmid} now`} onClose={onClose}>
      <div className={result.thawed ? 'note' : 'note note-bad'} role="status">
        <Mark tone={result.thawed ? 'good' : 'bad'} />
        <div>
          <p>{thawWords(result)}</p>
        </div>
      </div>
      <DialogEnd onClose={onClose} word="Close" />
    </Dialog>
  );
}
