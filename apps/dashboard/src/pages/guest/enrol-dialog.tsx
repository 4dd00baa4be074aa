import { enrolmentSchema, type Guest } from '@tacet/protocol';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { Link } from 'wouter';
import { guestsQuery } from '../../api/queries.ts';
import { useChange } from '../../api/session.ts';
import { dateTimeOf } from '../../model/numbers.ts';
import { vmidProblem } from '../../model/restore.ts';
import { CopyButton } from '../../ui/copy-button.tsx';
import { Dialog, DialogEnd } from '../../ui/dialog.tsx';
import { Field } from '../../ui/field.tsx';
import { FormDialog } from '../../ui/form-dialog.tsx';
import { Say } from '../../ui/mark.tsx';

interface EnrolDialogProps {
  /** Asked for when left out. */
  readonly vmid?: number;
  readonly onClose: () => void;
}

/** Makes a one-time token, shows the one command, and says when the guest has come. */
export function EnrolDialog({ vmid: given, onClose }: EnrolDialogProps) {
  const [vmid, setVmid] = useState(given === undefined ? '' : String(given));
  const [isTried, setTried] = useState(false);
  const invite = useChange(enrolmentSchema);
  const problem = vmidProblem(vmid);
  const submit = (): void => {
    setTried(true);
    if (problem === null) invite.mutate({ path: `/guests/${vmid}/enrolments`, body: {} });
  };
  if (invite.data !== undefined) {
    return (
      <Dialog title={`Enrol guest ${vmid}`} onClose={onClose}>
        <p>Paste this as root in guest {vmid}, where the agent is installed:</p>
        <pre className="command mono" tabIndex={0}>
          {invite.data.command}
        </pre>
        <p>
          <CopyButton text={invite.data.command} />{' '}
          <span className="quiet">
            It works once, until {dateTimeOf(invite.data.expiresAt)}, and is not shown again.
          </span>
        </p>
        <Arrival vmid={Number(vmid)} />
        <DialogEnd onClose={onClose} word="Close" />
      </Dialog>
    );
  }
  return (
    <FormDialog
      title={given === undefined ? 'Enrol a guest' : `Enrol guest ${given}`}
      change={invite}
      word="Make the command"
      noValidate
      onSubmit={submit}
      onClose={onClose}
    >
      <p>
        An enrolled guest has an agent that holds its services while a backup is taken, and heals it after a
        restore.
        {given !== undefined && ' An agent that is enrolled again loses the credential that it had.'}
      </p>
      {given === undefined && (
        <Field
          label="VMID"
          hint="As Proxmox VE names the guest, for example 101."
          inputMode="numeric"
          value={vmid}
          onChange={({ target }) => setVmid(target.value)}
          problem={isTried ? problem : null}
        />
      )}
    </FormDialog>
  );
}

const pollMs = 2_000;

function Arrival({ vmid }: { vmid: number }) {
  const client = useQueryClient();
  const isIt = (one: Guest): boolean => one.vmid === vmid && one.identity === 'enrolled';
  // One that is enrolled again has another id.
  const [before] = useState(() => client.getQueryData(guestsQuery.queryKey)?.find(isIt)?.id);
  const { data: guests } = useQuery({ ...guestsQuery, refetchInterval: pollMs });
  const guest = guests?.find(isIt);
  const isHere = guest?.connected === true && guest.id !== before;
  return (
    <div className="note" role="status">
      {isHere ? (
        <p>
          <Say said={{ tone: 'good', words: `Guest ${vmid} is here.` }} />{' '}
          <Link href={`/guests/${vmid}`}>Look at it</Link>
        </p>
      ) : (
        <Say said={{ tone: 'busy', words: `Waiting for guest ${vmid} to call…` }} />
      )}
    </div>
  );
}
