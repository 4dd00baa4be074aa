import { type InputHTMLAttributes, useId } from 'react';

interface FieldProps extends InputHTMLAttributes<HTMLInputElement> {
  readonly label: string;
  readonly hint?: string;
  /** Why it cannot stay like that. */
  readonly problem?: string | null;
}

export function Field({ label, hint, problem, ...input }: FieldProps) {
  const id = useId();
  const words = problem ?? hint;
  return (
    <div className="field">
      <label htmlFor={id}>{label}</label>
      <input
        id={id}
        {...input}
        aria-invalid={problem != null || undefined}
        aria-describedby={words === undefined ? undefined : `${id}-words`}
      />
      {words !== undefined && (
        <p id={`${id}-words`} className={problem == null ? 'quiet' : 'field-problem'}>
          {words}
        </p>
      )}
    </div>
  );
}
