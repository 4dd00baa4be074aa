import type { FormEvent, ReactNode } from 'react';
import { Dialog, DialogEnd } from './dialog.tsx';
import { ProblemNote } from './problem-note.tsx';

interface FormDialogProps {
  readonly title: string;
  /** What is asked of the controller, and how far it is. */
  readonly change: { readonly isPending: boolean; readonly error: Error | null };
  /** On the button that asks. */
  readonly word: string;
  /** On the one that does not; `Cancel` when left out. */
  readonly back?: string;
  /** False while what was typed is not enough. */
  readonly isComplete?: boolean;
  /** True where the fields say by themselves what is wrong. */
  readonly noValidate?: boolean;
  readonly onSubmit: () => void;
  readonly onClose: () => void;
  readonly children: ReactNode;
}

/** A question with a way out, an answer, and what went wrong the last time. */
export function FormDialog({
  title,
  change,
  word,
  back = 'Cancel',
  isComplete = true,
  noValidate = false,
  onSubmit,
  onClose,
  children,
}: FormDialogProps) {
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    if (isComplete) onSubmit();
  };
  return (
    <Dialog title={title} onClose={onClose}>
      <form onSubmit={submit} noValidate={noValidate}>
        {children}
        {change.error !== null && <ProblemNote error={change.error} />}
        <DialogEnd onClose={onClose} word={back}>
          <button type="submit" className="button button-main" disabled={change.isPending || !isComplete}>
            {change.isPending ? 'Asking…' : word}
          </button>
        </DialogEnd>
      </form>
    </Dialog>
  );
}
