import type { FormEvent, ReactNode } from 'react';
import { Dialog, DialogEnd } from '../../ui/dialog.tsx';
import { ProblemNote } from '../../ui/problem-note.tsx';
import { useStart } from './backup-dialog.tsx';

interface StartDialogProps {
  readonly title: string;
  /** What will happen, and to whom. */
  readonly words: string;
  /** On the button that does it. */
  readonly word: string;
  readonly path: string;
  /** Of the request; undefined while what was typed is not enough. */
  readonly body: object | undefined;
  readonly onClose: () => void;
  /** Fields, where it needs any. */
  readonly children?: ReactNode;
}

/** Says in plain words what an operation does, starts it, and goes to its page. */
export function StartDialog({ title, words, word, path, body, onClose, children }: StartDialogProps) {
  const start = useStart();
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    if (body !== undefined) start.mutate({ path, body });
  };
  return (
    <Dialog title={title} onClose={onClose}>
      <form onSubmit={submit}>
        <p>{words}</p>
        {children}
        {start.isError && <ProblemNote error={start.error} />}
        <DialogEnd onClose={onClose}>
          <button
            type="submit"
            className="button button-main"
            disabled={start.isPending || body === undefined}
          >
            {start.isPending ? 'Asking…' : word}
          </button>
        </DialogEnd>
      </form>
    </Dialog>
  );
}
