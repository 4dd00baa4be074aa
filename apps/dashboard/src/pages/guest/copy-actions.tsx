import {
  type Guest,
  guestSchema,
  type Regenerable,
  regenerableSchema,
  regeneratedOnAdoption,
} from '@tacet/protocol';
import { useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { useLocation } from 'wouter';
import { guestsQuery } from '../../api/queries.ts';
import { useChange } from '../../api/session.ts';
import { vmidProblem } from '../../model/restore.ts';
import { guestPath } from '../../model/state.ts';
import { Field } from '../../ui/field.tsx';
import { FormDialog } from '../../ui/form-dialog.tsx';

/** What can be done about a copy that nobody ordered. */
export function CopyActions({ copy }: { copy: Guest }) {
  const [open, setOpen] = useState<'adopt' | 'dismiss' | null>(null);
  const close = (): void => setOpen(null);
  return (
    <>
      <button type="button" className="button button-main" onClick={() => setOpen('adopt')}>
        Adopt…
      </button>
      <button type="button" className="button" onClick={() => setOpen('dismiss')}>
        Dismiss…
      </button>
      {open === 'adopt' && <AdoptDialog copy={copy} onClose={close} />}
      {open === 'dismiss' && <DismissDialog copy={copy} onClose={close} />}
    </>
  );
}

const regenerableWords: Record<Regenerable, string> = {
  'machine-id': 'machine-id, for what starts from then on',
  'ssh-host-keys': 'SSH host keys, if it has any',
  'engine-id': 'the id of its Docker engine, from that one’s next start',
};

interface CopyDialogProps {
  readonly copy: Guest;
  readonly onClose: () => void;
}

function AdoptDialog({ copy, onClose }: CopyDialogProps) {
  const client = useQueryClient();
  const [, navigate] = useLocation();
  const own = copy.incarnation?.vmid ?? null;
  const [vmid, setVmid] = useState('');
  const adopt = useChange(guestSchema, async (guest) => {
    await client.invalidateQueries({ queryKey: guestsQuery.queryKey });
    if (guest !== undefined) navigate(guestPath(guest), { replace: true });
  });
  const problem = own === null ? vmidProblem(vmid) : null;
  const [regenerate, setRegenerate] = useState<readonly Regenerable[]>(regeneratedOnAdoption);
  const body = { regenerate, ...(own === null && { vmid: Number(vmid) }) };
  return (
    <FormDialog
      title={`Adopt ${wordsFor(copy)}`}
      change={adopt}
      word="Adopt"
      isComplete={problem === null}
      onSubmit={() => adopt.mutate({ path: `${pathOf(copy)}/adoption`, body })}
      onClose={onClose}
    >
      <p>
        It becomes a guest of its own, with a credential of its own: from then on it is backed up and healed
        like any other.{' '}
        {copy.copyOf !== undefined && `Guest ${copy.copyOf}, whose copy it is, is not touched.`}
      </p>
      {own === null && (
        <Field
          label="Its VMID"
          hint="It cannot tell by itself."
          inputMode="numeric"
          value={vmid}
          onChange={({ target }) => setVmid(target.value)}
          problem={vmid === '' ? null : problem}
        />
      )}
      <fieldset className="choices">
        <legend>It makes anew, so as not to share it with its original</legend>
        {regenerableSchema.options.map((thing) => (
          <label key={thing}>
            <input
              type="checkbox"
              checked={regenerate.includes(thing)}
              onChange={({ target }) =>
                setRegenerate(
                  regenerableSchema.options.filter((one) =>
                    one === thing ? target.checked : regenerate.includes(one),
                  ),
                )
              }
            />
            {regenerableWords[thing]}
          </label>
        ))}
      </fieldset>
    </FormDialog>
  );
}

function DismissDialog({ copy, onClose }: CopyDialogProps) {
  const client = useQueryClient();
  const [, navigate] = useLocation();
  const dismiss = useChange(guestSchema, async () => {
    navigate('/', { replace: true });
    await client.invalidateQueries({ queryKey: guestsQuery.queryKey });
  });
  return (
    <FormDialog
      title={`Dismiss ${wordsFor(copy)}`}
      change={dismiss}
      word="Dismiss"
      onSubmit={() => dismiss.mutate({ path: `${pathOf(copy)}/dismissal` })}
      onClose={onClose}
    >
      <p>
        It is turned away for good, and leaves the list. The guest itself goes on running on its node; to
        bring it back here later, enrol it.
      </p>
    </FormDialog>
  );
}

function pathOf({ id }: Guest): string {
  return `/guests/${encodeURIComponent(id)}`;
}

function wordsFor({ vmid }: Guest): string {
  return vmid === null ? 'this copy' : `the copy ${vmid}`;
}
