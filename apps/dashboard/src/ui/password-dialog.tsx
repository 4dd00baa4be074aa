import { useState } from 'react';
import { useChange } from '../api/session.ts';
import { Field } from './field.tsx';
import { FormDialog } from './form-dialog.tsx';

/** One's own. */
export function PasswordDialog({ onClose }: { onClose: () => void }) {
  const [current, setCurrent] = useState('');
  const [next, setNext] = useState('');
  const change = useChange(null, onClose);
  return (
    <FormDialog
      title="Change your password"
      change={change}
      word="Change it"
      onSubmit={() => change.mutate({ method: 'PUT', path: '/session/password', body: { current, next } })}
      onClose={onClose}
    >
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
    </FormDialog>
  );
}
