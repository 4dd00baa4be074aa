import { type FormEvent, useState } from 'react';
import { useChange } from '../api/session.ts';
import { Dialog, DialogEnd } from './dialog.tsx';
import { Field } from './field.tsx';
import { ProblemNote } from './problem-note.tsx';

/** One's own. */
export function PasswordDialog({ onClose }: { onClose: () => void }) {
  const [current, setCurrent] = useState('');
  const [next, setNext] = useState('');
  const change = useChange(null, onClose);
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    change.mutate({ method: 'PUT', path: '/session/password', body: { current, next } });
  };
  return (
    <Dialog title="Change your password" onClose={onClose}>
      <form onSubmit={submit}>
        <p>Wherever else you are logged in, you are logged out.</p>
        <Field
          label="Password until now"
          type="password"
          autoComplete="current-password"
          required
          value={current}
          onChange={({ target }) => setCurrent(target.value)}
        />
        <Field
          label="New password"
          type="password"
          autoComplete="new-password"
          required
          minLength={12}
          hint="At least 12 characters: a few words will do."
          value={next}
          onChange={({ target }) => setNext(target.value)}
        />
        {change.isError && <ProblemNote error={change.error} />}
        <DialogEnd onClose={onClose}>
          <button type="submit" className="button button-main" disabled={change.isPending}>
            Change it
          </button>
        </DialogEnd>
      </form>
    </Dialog>
  );
}
